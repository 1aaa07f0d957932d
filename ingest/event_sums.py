"""Add up the events of one partition before they are published. Pure.

Events of one domain and kind without an idempotency key become one record with a count: equally
durable, and a busy domain costs one record. Events with a key stay separate, because only the
worker can detect duplicates.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.record import RECORD_OVERHEAD_BYTES, KeyValue, encode_count, encode_event

MAX_RECORD_BYTES = RECORD_OVERHEAD_BYTES + 80
"""Of a record without its domain: a value of 13 bytes, and an idempotency key with its length."""

T = TypeVar("T")


@dataclass(slots=True)
class EventSums:
    """Counts by domain and kind, and the events with an idempotency key."""

    delivered: dict[DomainName, int] = field(default_factory=dict)
    bounced: dict[DomainName, int] = field(default_factory=dict)
    keyed: list[Event] = field(default_factory=list)

    def counts_of(self, kind: EventKind) -> dict[DomainName, int]:
        """Return the counts of *kind* by domain."""
        return self.delivered if kind is EventKind.DELIVERED else self.bounced

    def count(self, event: Event) -> None:
        """Count *event*."""
        if event.idempotency_key is None:
            counts = self.counts_of(event.kind)
            counts[event.domain] = counts.get(event.domain, 0) + event.count
        else:
            self.keyed.append(event)

    def merge(self, other: "EventSums") -> None:
        """Add all counts and events of *other*."""
        for known, counts in ((self.delivered, other.delivered), (self.bounced, other.bounced)):
            if not known:
                known.update(counts)
                continue
            for domain, count in counts.items():
                known[domain] = known.get(domain, 0) + count
        self.keyed.extend(other.keyed)

    def places(self) -> Iterator[tuple[DomainName, EventKind]]:
        """Yield the domain and kind of each record, in order."""
        for kind in (EventKind.DELIVERED, EventKind.BOUNCED):
            for domain in self.counts_of(kind):
                yield domain, kind
        for event in self.keyed:
            yield event.domain, event.kind

    def first(self) -> tuple[DomainName, EventKind]:
        """Return the domain and kind of the first record; there must be one."""
        return next(self.places())

    def max_size_bytes(self) -> int:
        """Return an upper bound of the records' size."""
        domains = [*self.delivered, *self.bounced, *(event.domain for event in self.keyed)]
        return sum(map(len, domains)) + MAX_RECORD_BYTES * len(domains)

    def encode_records(self) -> list[KeyValue]:
        """Return the records, encoded."""
        return [
            *(encode_count(d, EventKind.DELIVERED, n) for d, n in self.delivered.items()),
            *(encode_count(d, EventKind.BOUNCED, n) for d, n in self.bounced.items()),
            *(encode_event(event) for event in self.keyed),
        ]


def by_record_number(
    sums: EventSums, values: Mapping[tuple[DomainName, EventKind], T]
) -> dict[int, T]:
    """Return *values* by record number: each goes to the first record of its domain and kind."""
    left = dict(values)
    return {number: left.pop(place) for number, place in enumerate(sums.places()) if place in left}
