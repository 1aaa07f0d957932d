"""The events of a run: which domains they belong to, in which order and by which requests. Pure."""
