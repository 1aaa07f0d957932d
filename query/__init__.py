"""Counters in, status out: the tier that customers talk to."""
