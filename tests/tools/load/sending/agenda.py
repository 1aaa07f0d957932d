"""Decide which shipment is due. Pure: the time is an argument."""

import math
from collections.abc import Iterator

from tests.tools.load.streams.schedule import Shipment


class Agenda:
    """The shipments that are not sent yet, in order.

    In an open loop each has its time. In a closed loop the next one is always due, until the
    duration is over.
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
        """True if no shipment is left."""
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
        """Return the time until the next shipment is due."""
        due = self._began if self._next is None else self._began + self._next.due_seconds
        return max(0.0, due - now)

    def take(self) -> Shipment:
        """Return the due shipment and advance to the next."""
        taken = self._next
        assert taken is not None
        self._next = next(self._shipments, None)
        return taken
