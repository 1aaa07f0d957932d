"""Measure what the system can do, each figure beside its reference in the same run."""
