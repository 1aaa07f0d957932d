"""Kafka and Cassandra on one machine: as JVMs, in containers, or at given addresses."""
