"""HTTP: the server and its limits, applications, problem documents and request bodies."""
