"""Cassandra: one session, its nodes, its security."""
