"""All classified domains as one download, and the totals per status."""
