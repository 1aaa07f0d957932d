"""The worker's side of Kafka: the group, its offsets, what it publishes and puts aside."""
