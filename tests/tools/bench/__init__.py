"""Measure the performance of the system; each figure has a reference from the same run."""
