"""The rules that all tiers share. Pure: no I/O, clock, environment or log."""
