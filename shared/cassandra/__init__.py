"""Cassandra: the session, authentication, and the detection of node restarts."""
