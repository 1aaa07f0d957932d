"""Add up the events of one partition before they are published. Pure.

Events of one domain and kind without an idempotency key become one count, and the counts of many
domains one record: equally durable, and cheaper for Kafka and the worker. Events with a key stay
separate, because only the worker can detect duplicates. So do traced events: they have a header.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.model.domain import DomainName
from shared.model.event import MAX_IDEMPOTENCY_KEY_LENGTH, Event, EventKind
from shared.model.record import (
    RECORD_OVERHEAD_BYTES,
    KeyValue,
    encode_count,
    encode_event,
    encode_sums,
)

MAX_RECORD_BYTES = RECORD_OVERHEAD_BYTES + 13
"""Of a record without its domain and its idempotency key: a value of 13 bytes."""
MAX_KEY_BYTES = MAX_IDEMPOTENCY_KEY_LENGTH + 2
"""Of an idempotency key, with its length."""


def max_size_bytes(event: Event) -> int:
    """Return an upper bound of the size of the record of *event*."""
    size_bytes = len(event.domain) + MAX_RECORD_BYTES
    return size_bytes if event.idempotency_key is None else size_bytes + MAX_KEY_BYTES


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

    def first(self) -> tuple[DomainName, EventKind]:
        """Return the domain and kind of one of the events; there must be one."""
        for kind in EventKind:
            for domain in self.counts_of(kind):
                return domain, kind
        return self.keyed[0].domain, self.keyed[0].kind

    def max_size_bytes(self) -> int:
        """Return an upper bound of the records' size."""
        domains = [*self.delivered, *self.bounced]
        plain = sum(map(len, domains)) + MAX_RECORD_BYTES * len(domains)
        return plain + sum(map(max_size_bytes, self.keyed))

    def encode_records(
        self, traceparents: Mapping[tuple[DomainName, EventKind], str]
    ) -> tuple[list[KeyValue], dict[int, str]]:
        """Return the records, encoded, and the trace contexts by record number.

        Each of *traceparents* goes to the first record of its domain and kind.
        """
        records: list[KeyValue] = []
        contexts: dict[int, str] = {}
        left = dict(traceparents)
        for kind in EventKind:
            counts = dict(self.counts_of(kind)) if left else self.counts_of(kind)
            for place in traceparents:
                if place[1] is kind and place[0] in counts:
                    contexts[len(records)] = left.pop(place)
                    records.append(encode_count(*place, counts.pop(place[0])))
            records.extend(encode_sums(kind, counts))
        for event in self.keyed:
            if (context := left.pop((event.domain, event.kind), None)) is not None:
                contexts[len(records)] = context
            records.append(encode_event(event))
        return records, contexts
