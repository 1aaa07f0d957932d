"""Kafka, Cassandra and our tiers on one machine: for `make run`, tests and fault tests."""
