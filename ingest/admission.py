"""Bound what a node has in hand: a queue without a bound turns every latency into its own."""

from shared.errors import NodeFullError


class Admission:
    """Count the events and bytes between their arrival and Kafka's answer."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self.events = 0
        self.bytes = 0

    def admit(self, events: int, size_bytes: int) -> None:
        """Take them in hand, or raise NodeFullError at once."""
        if self.events + events > self._max_events or self.bytes + size_bytes > self._max_bytes:
            raise NodeFullError("This node has as many events in flight as it may.")
        self.events += events
        self.bytes += size_bytes

    def release(self, events: int, size_bytes: int) -> None:
        """Give them back once they are answered."""
        self.events -= events
        self.bytes -= size_bytes
