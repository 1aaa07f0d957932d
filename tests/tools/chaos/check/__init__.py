"""Check the history of a run for violations of the guarantees."""
