"""The rules that make the counts exact. Pure: no I/O, clock, environment or logging."""
