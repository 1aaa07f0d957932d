"""Send a share of a run in each process, and record the outcome of every event."""
