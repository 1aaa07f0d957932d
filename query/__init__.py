"""Counters in, status out: the tier that answers customers."""
