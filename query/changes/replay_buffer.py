"""Keep the newest changes in history, for clients that were away for a moment."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from query.changes.event_id import Offsets, reaches
from query.changes.status_history import StatusChange

_OVERHEAD_BYTES = 500
"""What a change takes in history beside its text."""


@dataclass(frozen=True, slots=True)
class BufferedChange:
    """A change that was told to all, with its text."""

    news: StatusChange
    data: bytes


class ReplayBuffer:
    """The last changes that fit into *bound_bytes*, in the order in which they were told.

    *starts* is where it begins: it has all changes from there on.
    """

    def __init__(self, starts: Sequence[int], bound_bytes: int) -> None:
        self._starts = list(starts)
        self._bound_bytes = bound_bytes
        self._bytes = 0
        self._told: deque[BufferedChange] = deque()

    def grow(self, partitions: int) -> None:
        """Know of more partitions, from their beginning."""
        self._starts += [0] * (partitions - len(self._starts))

    def add(self, told: BufferedChange) -> None:
        """Add what was told last, and forget what no longer fits."""
        self._told.append(told)
        self._bytes += len(told.data) + _OVERHEAD_BYTES
        while self._bytes > self._bound_bytes:
            oldest = self._told.popleft()
            self._bytes -= len(oldest.data) + _OVERHEAD_BYTES
            self._starts[oldest.news.partition] = oldest.news.offset + 1

    def covers(self, offsets: Offsets) -> bool:
        """Whether all that comes after *offsets* is here."""
        return reaches(offsets, self._starts)

    def after(self, offsets: Sequence[int], max_bytes: int) -> list[BufferedChange]:
        """Return the first changes after *offsets*, of about *max_bytes* at most."""
        found: list[BufferedChange] = []
        size = 0
        for told in self._told:
            if told.news.offset >= offsets[told.news.partition]:
                found.append(told)
                size += len(told.data)
                if size >= max_bytes:
                    break
        return found
