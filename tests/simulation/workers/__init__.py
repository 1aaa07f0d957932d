"""Worker processes: the steps of the tier without its tasks."""
