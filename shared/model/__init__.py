"""The rules that the tiers share. Pure: no I/O, clock, environment or log."""
