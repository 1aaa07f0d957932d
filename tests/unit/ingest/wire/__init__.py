"""An ingest node without sockets, and a check of its answers against what it stored."""
