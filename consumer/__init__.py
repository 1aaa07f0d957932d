"""Record in, counters out: the tier that counts."""
