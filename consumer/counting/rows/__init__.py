"""Which rows a worker increments, leaves and deletes."""
