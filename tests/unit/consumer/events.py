"""Events and ledgers in few words."""

from collections.abc import Callable, Sequence

from consumer.counting.ledger import PartitionLedger
from consumer.counting.ledger_rules import LedgerRules
from consumer.counting.rows.superseded import Retention
from consumer.counting.rows.writer_rows import BucketWrite, StoredRow
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from tests.fakes.writers import node_of, writer_at, writers

A = DomainName("a.example")
B = DomainName("b.example")
C = DomainName("c.example")
THEIRS = writer_at(0.0, node=9)
"""The writer of another process."""
RETENTION = Retention(node_of(1), own_seconds=60.0, others_seconds=3600.0)
RULES = LedgerRules(buckets=1, threshold=4, min_interval_seconds=1.0, retention=RETENTION)
"""One bucket holds every domain."""


def delivered(domain: DomainName, count: int = 1) -> Event:
    """Return *count* deliveries to *domain*."""
    return Event(domain, EventKind.DELIVERED, count)


def bounced(domain: DomainName, count: int = 1) -> Event:
    """Return *count* bounces of *domain*."""
    return Event(domain, EventKind.BOUNCED, count)


def new_ledger(
    first_offset: int = 0,
    rules: LedgerRules = RULES,
    new_writer: Callable[[], bytes] | None = None,
) -> PartitionLedger:
    """Return an empty ledger of the topic partition "t/0"."""
    return PartitionLedger("t/0", first_offset, rules, new_writer or writers())


def add(ledger: PartitionLedger, event: Event, offset: int, now: float = 0.0) -> None:
    """Add *event* as the worker does."""
    ledger.add(event.domain.encode(), event.kind, event.count, offset, now)


def load_rows(ledger: PartitionLedger, rows: Sequence[StoredRow] = (), now: float = 0.0) -> None:
    """Let every unread bucket be read, each with *rows*."""
    while (bucket := ledger.pop_unread()) is not None:
        ledger.load_rows(bucket, rows, ledger.next_offset, now, wall_now=now)


def begin(ledger: PartitionLedger, now: float = 0.0, limit: int = 100) -> BucketWrite:
    """Begin the write of the bucket that is due."""
    bucket = ledger.pop_due(now)
    assert bucket is not None, "no bucket is due"
    return ledger.begin(bucket, limit, now)


def row(domain: DomainName, delivered: int, bounced: int, applied_offset: int) -> StoredRow:
    """Return a row of another writer."""
    return StoredRow(domain.encode(), THEIRS, delivered, bounced, applied_offset)


def write(ledger: PartitionLedger, now: float = 0.0) -> dict[str, tuple[int, int, int]]:
    """Write the bucket that is due; return what it adds to each domain's row."""
    started = begin(ledger, now)
    ledger.acknowledge(started, now)
    return {r.domain.decode(): (r.delivered, r.bounced, r.applied_offset) for r in started.rows}
