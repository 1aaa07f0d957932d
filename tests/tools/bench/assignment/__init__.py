"""Row 13: the load of the assignment, over ten million domains, for twenty minutes."""
