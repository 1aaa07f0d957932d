"""Keep the most recent changes in memory, for clients that reconnect after a short time. Pure."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from query.changes.event_id import Offsets, reaches
from query.changes.status_change import StatusChange

_OVERHEAD_BYTES = 500
"""The memory of a change in addition to its encoded text."""


@dataclass(frozen=True, slots=True)
class BufferedChange:
    """A change that was sent to all clients, and its encoded text."""

    change: StatusChange
    data: bytes


class ReplayBuffer:
    """The most recent changes that fit into *bound_bytes*, in the order in which they were sent.

    The buffer holds all changes from *starts* on.
    """

    def __init__(self, starts: Sequence[int], bound_bytes: int) -> None:
        self._starts = list(starts)
        self._bound_bytes = bound_bytes
        self._bytes = 0
        self._changes: deque[BufferedChange] = deque()

    def add_partitions(self, partitions: int) -> None:
        """Cover *partitions* in all; new ones from their beginning."""
        self._starts += [0] * (partitions - len(self._starts))

    def append(self, change: BufferedChange) -> None:
        """Append the newest change, and drop the oldest that no longer fit."""
        self._changes.append(change)
        self._bytes += len(change.data) + _OVERHEAD_BYTES
        while self._bytes > self._bound_bytes:
            oldest = self._changes.popleft()
            self._bytes -= len(oldest.data) + _OVERHEAD_BYTES
            self._starts[oldest.change.partition] = oldest.change.offset + 1

    def newest(self, count: int) -> list[StatusChange]:
        """Return the last *count* changes, by the times of their events.

        After a start the buffer has them in another order, as partitions are read side by side.
        """
        changes = [buffered.change for buffered in self._changes]
        return sorted(changes, key=lambda change: change.appended_at)[-count:]

    def covers(self, offsets: Offsets) -> bool:
        """Whether the buffer holds every change after *offsets*."""
        return reaches(offsets, self._starts)

    def read_after(self, offsets: Sequence[int], max_bytes: int) -> list[BufferedChange]:
        """Return the first changes after *offsets*, of about *max_bytes* at most."""
        found: list[BufferedChange] = []
        size = 0
        for buffered in self._changes:
            if buffered.change.offset >= offsets[buffered.change.partition]:
                found.append(buffered)
                size += len(buffered.data)
                if size >= max_bytes:
                    break
        return found
