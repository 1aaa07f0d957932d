"""One topic partition, and the truth about it: the sums of every domain at every offset."""

from collections.abc import Sequence
from dataclasses import dataclass

from consumer.counting.dedupe import KeyWindow
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from tests.simulation.schedule import FindingError

KEY_WINDOW = KeyWindow(seconds=600, max_events=8)


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
        self._keys: dict[tuple[DomainName, EventKind, str], tuple[int, int]] = {}
        self._keyed = 0
        self._elapsed = 0

    def append(self, event: Event | None) -> None:
        """Append a record at the current time of the partition."""
        second = self.timestamp_ms // 1000
        if self.records:
            self._elapsed += max(0, second - self.records[-1].timestamp_ms // 1000)
        counted = None if event is not None and self._is_duplicate(event) else event
        self.records.append(Record(event, self.timestamp_ms))
        for domain, sums in self.sums.items():
            delivered, bounced = sums[-1]
            if counted is not None and counted.domain == domain:
                if counted.kind is EventKind.DELIVERED:
                    delivered += counted.count
                else:
                    bounced += counted.count
            sums.append((delivered, bounced))

    def _is_duplicate(self, event: Event) -> bool:
        """Return whether *event* repeats one in the key window, by its definition."""
        if event.idempotency_key is None:
            return False
        name = event.domain, event.kind, event.idempotency_key
        before, self._keys[name] = self._keys.get(name), (self._elapsed, self._keyed)
        self._keyed += 1
        return before is not None and (
            self._elapsed - before[0] <= KEY_WINDOW.seconds
            and self._keyed - 1 - before[1] <= KEY_WINDOW.max_events
        )

    def truth(self, domain: DomainName, offset: int) -> tuple[int, int]:
        """Return the sums of *domain* below *offset*."""
        sums = self.sums[domain]
        if not 0 <= offset < len(sums):
            raise FindingError(f"{self.name} has no offset {offset}, but a row of {domain} has")
        return sums[offset]
