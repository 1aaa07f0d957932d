"""The worker's side of Kafka: the group, its offsets, changes and dead letters."""
