"""Show a run as figures and as a timeline."""
