"""Faults over the real thing under load, and a checker of what was answered meanwhile."""
