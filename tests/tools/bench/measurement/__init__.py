"""CPU time, percentiles, rates, and how far a worker has come."""
