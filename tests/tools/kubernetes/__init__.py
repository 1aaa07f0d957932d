"""Apply deploy/kubernetes to a real API server, on a machine without a cluster."""
