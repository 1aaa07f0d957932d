"""Say which shipment is to leave now. Pure: the time is an argument."""

import math
from collections.abc import Iterator

from tests.tools.load.streams.schedule import Shipment


class Agenda:
    """The shipments that are still to be sent, one after the other.

    In an open loop each has its time. In a closed one the next is due whenever it is asked for,
    until the duration is over.
    """

    def __init__(
        self,
        shipments: Iterator[Shipment],
        began: float,
        *,
        closed_loop: bool = False,
        duration_seconds: float = math.inf,
    ) -> None:
        self._shipments = shipments
        self._began = began
        self._closed_loop = closed_loop
        self._ends = began + duration_seconds
        self._next = next(shipments, None)

    @property
    def over(self) -> bool:
        """Whether everything was taken."""
        return self._next is None

    def due(self, now: float) -> float | None:
        """Return when the next shipment was due; None: it is not due yet, or there is none."""
        if self._next is None:
            return None
        if not self._closed_loop:
            due = self._began + self._next.due_seconds
            return due if due <= now else None
        if now >= self._ends:
            self._next = None
            return None
        return now if now >= self._began else None

    def seconds_until_due(self, now: float) -> float:
        """Return how long to wait before asking again."""
        due = self._began if self._next is None else self._began + self._next.due_seconds
        return max(0.0, due - now)

    def take(self) -> Shipment:
        """Return the shipment that is due."""
        taken = self._next
        assert taken is not None
        self._next = next(self._shipments, None)
        return taken
