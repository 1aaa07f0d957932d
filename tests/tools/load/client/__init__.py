"""HTTP connections to the nodes under load."""
