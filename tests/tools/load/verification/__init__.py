"""Compare the counts of every domain with the events that were sent."""
