"""Kafka and Cassandra for one machine: as processes, in containers, or given."""
