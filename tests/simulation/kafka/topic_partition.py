"""One topic partition, and the truth about it: the sums of every domain at every offset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consumer.counting.keys.dedupe import KeyWindow
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.record import Sums
from tests.simulation.schedule import FindingError

KEY_WINDOW = KeyWindow(seconds=600, max_events=8)


@dataclass(frozen=True, slots=True)
class Record:
    """The record at an offset: an event, the sums of many domains, or None, not to be decoded."""

    content: Event | Sums | None
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

    def append(self, content: Event | Sums | None) -> None:
        """Append a record at the current time of the partition."""
        second = self.timestamp_ms // 1000
        if self.records:
            self._elapsed += max(0, second - self.records[-1].timestamp_ms // 1000)
        self.records.append(Record(content, self.timestamp_ms))
        counts, kind = self._counts(content)
        for domain, sums in self.sums.items():
            delivered, bounced = sums[-1]
            count = counts.get(domain, 0)
            if kind is EventKind.DELIVERED:
                sums.append((delivered + count, bounced))
            else:
                sums.append((delivered, bounced + count))

    def _counts(self, content: Event | Sums | None) -> tuple[Mapping[str, int], EventKind]:
        """Return what a record adds to each domain."""
        if content is None or (isinstance(content, Event) and self._is_duplicate(content)):
            return {}, EventKind.DELIVERED
        if isinstance(content, Event):
            return {content.domain: content.count}, content.kind
        names = (domain.decode() for domain in content.domains)
        return dict(zip(names, content.counts, strict=True)), content.kind

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
