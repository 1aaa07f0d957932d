"""What `make run` does: start Kafka, Cassandra and the tiers, and keep them running."""
