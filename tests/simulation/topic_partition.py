"""One topic partition, and the truth about it: the sums of every domain at every offset."""

from collections.abc import Sequence
from dataclasses import dataclass

from consumer.counting.dedupe import WINDOW_MS
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from tests.simulation.schedule import FindingError


@dataclass(frozen=True, slots=True)
class Record:
    """The record at an offset; without an event if it cannot be decoded."""

    event: Event | None
    timestamp_ms: int


class TopicPartition:
    """The records of one partition, in the order of their appends."""

    def __init__(self, name: str, domains: Sequence[DomainName]) -> None:
        self.name = name
        self.records: list[Record] = []
        # For each domain, the events delivered and bounced below each offset.
        self.sums: dict[DomainName, list[tuple[int, int]]] = {d: [(0, 0)] for d in domains}
        self.timestamp_ms = 1_700_000_000_000
        self._keys: dict[tuple[DomainName, str], int] = {}

    def append(self, event: Event | None) -> None:
        """Append a record at the current time of the partition."""
        counted = event
        if event is not None and event.idempotency_key is not None:
            before = self._keys.get((event.domain, event.idempotency_key))
            self._keys[event.domain, event.idempotency_key] = self.timestamp_ms
            if before is not None and self.timestamp_ms - before <= WINDOW_MS:
                counted = None
        self.records.append(Record(event, self.timestamp_ms))
        for domain, sums in self.sums.items():
            delivered, bounced = sums[-1]
            if counted is not None and counted.domain == domain:
                if counted.kind is EventKind.DELIVERED:
                    delivered += counted.count
                else:
                    bounced += counted.count
            sums.append((delivered, bounced))

    def truth(self, domain: DomainName, offset: int) -> tuple[int, int]:
        """Return the sums of *domain* below *offset*."""
        sums = self.sums[domain]
        if not 0 <= offset < len(sums):
            raise FindingError(f"{self.name} has no offset {offset}, but a row of {domain} has")
        return sums[offset]
