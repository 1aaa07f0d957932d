"""The counter store in memory and the one in Cassandra, each with a reader."""

import time
from dataclasses import dataclass
from uuid import uuid4

from consumer.__main__ import WriterIds
from consumer.counter_store import CassandraCounterStore, CounterStore
from consumer.counting.rows.writer_rows import RowIncrement, StoredRow
from query.lookup.counter_reader import CassandraCounterReader, CounterReader, ReadBounds
from shared.cassandra.session import Session
from shared.model.counter import CounterRow, Counters, sum_rows
from shared.model.domain import DomainName
from shared.model.partitioning import DEFAULT_BUCKETS, bucket_of
from tests.fakes.counter_store import InMemoryCounterStore

new_writer = WriterIds().new
BOUNDS = ReadBounds(at_once=8, in_flight=32, waiting=1_000, wait_seconds=1.0)


@dataclass(frozen=True, slots=True)
class Store:
    """A counter store and a reader that sees what it wrote."""

    store: CounterStore
    reader: CounterReader


class StoreReader:
    """A CounterReader of a store in memory."""

    def __init__(self, store: InMemoryCounterStore) -> None:
        self._store = store

    @property
    def room(self) -> int:
        """See CounterReader."""
        return 1_000_000

    @property
    def idle(self) -> bool:
        """See CounterReader."""
        return True

    async def read(self, domain: DomainName) -> Counters:
        """See CounterReader."""
        return sum_rows(
            CounterRow(of, row.delivered, row.bounced, row.applied_offset)
            for of, row in self._store.all_rows()
            if row.domain == domain.encode()
        )


def fake_store(store: InMemoryCounterStore) -> Store:
    """Return *store* with its reader."""
    return Store(store, StoreReader(store))


async def real_store(session: Session) -> Store:
    """Return the store and the reader behind *session*."""
    return Store(
        await CassandraCounterStore.prepare(session),
        await CassandraCounterReader.prepare(session, DEFAULT_BUCKETS, BOUNDS, time.monotonic),
    )


def unique(word: str) -> str:
    """Return a name that is unique in this run and all others."""
    return f"{word}-{uuid4().hex[:12]}"


def new_domain() -> DomainName:
    """Return a domain without counters."""
    return DomainName(f"{unique('d')}.example")


def update_of(
    domain: DomainName, *, delivered: int = 0, bounced: int = 0, applied_offset: int = 0
) -> RowIncrement:
    """Return an update that starts a row of its own."""
    return RowIncrement(domain.encode(), new_writer(), delivered, bounced, applied_offset)


def stored(row: RowIncrement) -> StoredRow:
    """Return *row* as the store has it, if nothing else was added to it."""
    return StoredRow(*row[:5])


async def write(store: CounterStore, topic_partition: str, *rows: RowIncrement) -> None:
    """Write each of *rows* to its bucket, by a request of its own."""
    for row in rows:
        await store.write(topic_partition, bucket_of(row.domain, DEFAULT_BUCKETS), [row])


async def read(
    store: CounterStore, topic_partition: str, domain: DomainName | bytes
) -> list[StoredRow]:
    """Return the rows of *domain*."""
    key = domain if isinstance(domain, bytes) else domain.encode()
    rows = await store.read(topic_partition, bucket_of(key, DEFAULT_BUCKETS))
    return [row for row in rows if row.domain == key]
