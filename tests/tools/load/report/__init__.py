"""Show a run: live, as a table, as JSON and as a page."""
