"""Limit the events and bytes in flight on a node. Without a limit a queue grows and delays all."""

from types import TracebackType
from typing import Self

from shared.errors import NodeFullError


class Admission:
    """The events and bytes in flight, from their arrival until their response."""

    FULL = "This node has reached its limit of events in flight."

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self.events = 0
        self.bytes = 0

    def try_admit(self, events: int, size_bytes: int) -> bool:
        """Reserve room for them. Return False if there is none."""
        total, total_bytes = self.events + events, self.bytes + size_bytes
        if total > self._max_events or total_bytes > self._max_bytes:
            return False
        self.events, self.bytes = total, total_bytes
        return True

    def admit(self, events: int, size_bytes: int) -> None:
        """Reserve room for them, or raise NodeFullError."""
        if not self.try_admit(events, size_bytes):
            raise NodeFullError(self.FULL)

    def release(self, events: int, size_bytes: int) -> None:
        """Free the room once they are answered."""
        self.events -= events
        self.bytes -= size_bytes


class Reservation:
    """The room that one request has reserved so far. Leaving the context frees all of it."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._events = 0
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def extend(self, events: int = 0, size_bytes: int = 0) -> None:
        """Reserve room for these too, or raise NodeFullError."""
        self._admission.admit(events, size_bytes)
        self._events += events
        self.size_bytes += size_bytes

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._admission.release(self._events, self.size_bytes)
