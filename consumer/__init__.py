"""Records in, counters out: the worker processes."""
