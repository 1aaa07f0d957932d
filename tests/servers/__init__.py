"""Kafka and Cassandra for tests, and what tests do to them."""
