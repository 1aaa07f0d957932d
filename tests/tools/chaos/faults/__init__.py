"""Choose faults from a seed, apply them, and repair the system afterwards."""
