"""A simulated Kafka: partitions of events, the consumer group, the topic of changes."""
