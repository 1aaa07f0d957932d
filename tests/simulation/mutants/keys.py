"""Planted mistakes about idempotency keys."""

from consumer.counting.kept_memory import PartitionMemory
from consumer.counting.keys.dedupe import Dedupe
from consumer.counting.position import Position
from shared.model.event import EventKind
from tests.simulation.kafka.topic_partition import KEY_WINDOW
from tests.simulation.workers.partition import Partition
from tests.simulation.workers.worker import Worker


class ForgetsKeys(Worker):
    """Does not read again for the keys of a partition that it takes over."""

    def new_memory(self, number: int, position: Position) -> PartitionMemory:
        """See Worker."""
        return super().new_memory(number, Position.at(position.next_offset))


class _ReadsTheClockOnce(Dedupe):
    reading = False

    def advance(self, offset: int, appended_ms: int) -> None:
        if not self.reading:
            self.reading = True
            super().advance(offset, appended_ms)


class _ReadsTheClockAgain(Partition):
    def fetch(self, most: int) -> None:
        self.dedupe.__dict__["reading"] = False
        super().fetch(most)


class ReadsTheClockOncePerFetch(Worker):
    """Takes the time of the first record of a fetch for that of all."""

    dedupe_class = _ReadsTheClockOnce
    partition_class = _ReadsTheClockAgain


class _ForgetsWhenFull(Dedupe):
    def is_duplicate(
        self, domain: bytes, kind: EventKind, idempotency_key: str, offset: int
    ) -> bool:
        if len(self) == KEY_WINDOW.max_events:
            self._oldest = self._events
        return super().is_duplicate(domain, kind, idempotency_key, offset)


class BoundsItsOwnMemory(Worker):
    """Forgets keys when this process has read many, not when the partition has."""

    dedupe_class = _ForgetsWhenFull


class _IgnoresKinds(Dedupe):
    def is_duplicate(
        self,
        domain: bytes,
        kind: EventKind,  # noqa: ARG002 see there
        idempotency_key: str,
        offset: int,
    ) -> bool:
        return super().is_duplicate(domain, EventKind.DELIVERED, idempotency_key, offset)


class IgnoresTheKind(Worker):
    """Takes a bounce for a repetition of a delivery with the same key."""

    dedupe_class = _IgnoresKinds
