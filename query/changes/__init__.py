"""The feed of status changes: read from Kafka, filtered, and sent as server-sent events."""
