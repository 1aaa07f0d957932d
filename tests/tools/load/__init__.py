"""Send a workload to a running system and verify every count, over HTTP only."""
