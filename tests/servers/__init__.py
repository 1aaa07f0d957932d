"""Kafka and Cassandra for tests: start them, freeze them, inspect them."""
