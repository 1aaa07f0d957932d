"""Keep the events of buckets that are not read yet, and the order in which to read them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.model.event import EventKind


@dataclass(frozen=True, slots=True)
class EarlyEvent:
    """An event of a bucket that is not read yet, added at *now*."""

    domain: bytes
    kind: EventKind
    count: int
    offset: int
    now: float


class EarlyEvents:
    """The early events of one partition by bucket. ``len`` is their number."""

    def __init__(self) -> None:
        self._events: dict[int, list[EarlyEvent]] = {}
        self._unread: dict[int, None] = {}
        self._number = 0

    def __len__(self) -> int:
        return self._number

    def add(self, bucket: int, event: EarlyEvent) -> None:
        """Add an event; the first one of a bucket puts it last in line to be read."""
        events = self._events.get(bucket)
        if events is None:
            events = self._events[bucket] = []
            self._unread[bucket] = None
        events.append(event)
        self._number += 1

    def pop_unread(self) -> int | None:
        """Take out the next bucket to read; None if none waits."""
        for bucket in self._unread:
            del self._unread[bucket]
            return bucket
        return None

    def requeue_unread(self, bucket: int) -> None:
        """Put a bucket whose read failed last in line."""
        if bucket in self._events:
            self._unread[bucket] = None

    def requeue_all(self) -> None:
        """Put every bucket with events in line: no read of one is in flight any more."""
        self._unread = dict.fromkeys(self._events)

    def pop(self, bucket: int) -> Sequence[EarlyEvent]:
        """Take out the events of a bucket that was read."""
        events = self._events.pop(bucket, [])
        self._unread.pop(bucket, None)
        self._number -= len(events)
        return events

    def oldest(self) -> Sequence[EarlyEvent]:
        """Return the oldest event of each bucket."""
        return [events[0] for events in self._events.values()]
