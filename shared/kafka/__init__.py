"""Kafka: the client, the topics that are appended to, their health and rights."""
