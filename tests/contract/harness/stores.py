"""The counter store in memory and the one in Cassandra, each with a reader."""

import time
from dataclasses import dataclass
from uuid import uuid4

from consumer.__main__ import new_writer
from consumer.counter_store import CassandraCounterStore, CounterStore
from consumer.counting.writer_rows import RowUpdate
from query.lookup.counter_reader import CassandraCounterReader, CounterReader, ReadBounds
from shared.cassandra.session import Session
from shared.model.counter import Counters, sum_rows
from shared.model.domain import DomainName
from tests.fakes.counter_store import InMemoryCounterStore

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
        return sum_rows(row for of, row in self._store.all_rows() if of == domain)


def fake_store(store: InMemoryCounterStore) -> Store:
    """Return *store* with its reader."""
    return Store(store, StoreReader(store))


async def real_store(session: Session) -> Store:
    """Return the store and the reader behind *session*."""
    return Store(
        await CassandraCounterStore.prepare(session),
        await CassandraCounterReader.prepare(session, BOUNDS, time.monotonic),
    )


def unique(word: str) -> str:
    """Return a name that is unique in this run and all others."""
    return f"{word}-{uuid4().hex[:12]}"


def new_domain() -> DomainName:
    """Return a domain without counters."""
    return DomainName(f"{unique('d')}.example")


def update_of(
    domain: DomainName, *, delivered: int = 0, bounced: int = 0, applied_offset: int = 0
) -> RowUpdate:
    """Return an update that starts a new row."""
    return RowUpdate(domain, new_writer(), delivered, bounced, applied_offset, epoch=0)
