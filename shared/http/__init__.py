"""HTTP: routes, problems, the server and what it measures."""
