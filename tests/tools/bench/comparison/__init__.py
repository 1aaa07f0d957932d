"""Compare the counts of millions of domains with what was sent, straight from the table."""
