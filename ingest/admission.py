"""Bound what a node has in hand: a queue without a bound turns every latency into its own."""

from types import TracebackType
from typing import Self

from shared.errors import NodeFullError


class Admission:
    """Count the events and bytes from the moment they are here until they are answered."""

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


class Hold:
    """What one request has in hand so far; all of it is given back when it is left."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._events = 0
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def add(self, events: int = 0, size_bytes: int = 0) -> None:
        """Take these in hand too, or raise NodeFullError at once."""
        self._admission.admit(events, size_bytes)
        self._events += events
        self._bytes += size_bytes

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._admission.release(self._events, self._bytes)
