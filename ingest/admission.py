"""Bound what a node has in hand: a queue without a bound turns every latency into its own."""

from types import TracebackType
from typing import Self

from shared.errors import NodeFullError


class Admission:
    """Count the events and bytes from the moment they are here until they are answered."""

    FULL = "This node has as many events in flight as it may."

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self.events = 0
        self.bytes = 0

    def try_admit(self, events: int, size_bytes: int) -> bool:
        """Take them in hand if there is room; whether there was."""
        total, total_bytes = self.events + events, self.bytes + size_bytes
        if total > self._max_events or total_bytes > self._max_bytes:
            return False
        self.events, self.bytes = total, total_bytes
        return True

    def admit(self, events: int, size_bytes: int) -> None:
        """Take them in hand, or raise NodeFullError at once."""
        if not self.try_admit(events, size_bytes):
            raise NodeFullError(self.FULL)

    def release(self, events: int, size_bytes: int) -> None:
        """Give them back once they are answered."""
        self.events -= events
        self.bytes -= size_bytes


class Reservation:
    """What one request has in hand so far; all of it is given back when it is left."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._events = 0
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def extend(self, events: int = 0, size_bytes: int = 0) -> None:
        """Take these in hand too, or raise NodeFullError at once."""
        self._admission.admit(events, size_bytes)
        self._events += events
        self.size_bytes += size_bytes

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._admission.release(self._events, self.size_bytes)
