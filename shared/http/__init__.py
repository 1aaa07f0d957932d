"""HTTP: the server, its limits and metrics, routing, problem documents and request bodies."""
