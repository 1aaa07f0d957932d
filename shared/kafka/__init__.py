"""Kafka: topics to append to, their producers and health, and the rights of this process."""
