"""Read, increment and delete the writer rows of one topic partition in Cassandra.

The CQL column ``log`` holds the topic partition.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, Self

from consumer.counting.superseded import SupersededRow
from consumer.counting.writer_rows import RowUpdate
from shared.cassandra.session import Session
from shared.model.counter import CounterRow
from shared.model.domain import DomainName

_READ = (
    "SELECT domain, writer, delivered, bounced, applied_offset FROM {keyspace}.domain_counters"
    " WHERE domain IN ? AND log = ?"
)
_UPDATE = (
    "UPDATE {keyspace}.domain_counters SET delivered = delivered + ?, bounced = bounced + ?,"
    " applied_offset = applied_offset + ? WHERE domain = ? AND log = ? AND writer = ?"
)
_RIGHTS = (
    "SELECT domain FROM {keyspace}.domain_counters WHERE domain = ''",
    "DELETE FROM {keyspace}.domain_counters WHERE domain = ''",
)
"""Statements that test our rights. They match no row: no domain is empty."""
_DELETE = "DELETE FROM {keyspace}.domain_counters WHERE domain = ? AND log = ? AND writer = ?"


class CounterStore(Protocol):
    """A store of counter rows. Its increments have no identity, and a failed one may be applied."""

    async def read(
        self, topic_partition: str, domains: Sequence[DomainName]
    ) -> dict[DomainName, list[CounterRow]]:
        """Return each domain's rows of *topic_partition*, read at a quorum.

        Raises StoreUnavailableError.
        """

    async def write(self, topic_partition: str, updates: Sequence[RowUpdate]) -> None:
        """Apply each update once. Return when a quorum has them all.

        Raises RetriableError if any update may be missing. The others may have been applied.
        """

    def split(self, updates: Sequence[RowUpdate], size: int) -> list[list[RowUpdate]]:
        """Split *updates* into groups of at most *size*, each with one set of replicas."""

    async def delete(self, topic_partition: str, rows: Sequence[SupersededRow]) -> None:
        """Delete *rows*; some may be deleted already.

        Raises RetriableError if any row may still exist.
        """

    def epoch(self) -> int:
        """Return a number that changes when a node may have lost its last writes.

        Call it before rows are written, and before an acknowledgement is accepted.
        """


class CassandraCounterStore:
    """The store on Cassandra counter columns."""

    def __init__(self, session: Session, read: Any, update: Any, delete: Any) -> None:
        self._session = session
        self._read = read
        self._update = update
        self._delete = delete

    @classmethod
    async def prepare(cls, session: Session) -> Self:
        """Return the store with its statements prepared.

        Raises StoreUnavailableError, and AccessDeniedError if we may not read and write.
        """
        keyspace = session.keyspace
        store = cls(
            session,
            await session.prepare(_READ.format(keyspace=keyspace)),
            await session.prepare(_UPDATE.format(keyspace=keyspace)),
            await session.prepare(_DELETE.format(keyspace=keyspace)),
        )
        await session.require(*(right.format(keyspace=keyspace) for right in _RIGHTS))
        return store

    async def read(
        self, topic_partition: str, domains: Sequence[DomainName]
    ) -> dict[DomainName, list[CounterRow]]:
        """See CounterStore. Neighbours on the ring share their replicas: one request."""
        found: dict[DomainName, list[CounterRow]] = {domain: [] for domain in domains}
        for row in await self._session.read(self._read.bind((list(domains), topic_partition))):
            found[row.domain].append(
                CounterRow(
                    topic_partition,
                    row.writer,
                    row.delivered or 0,
                    row.bounced or 0,
                    row.applied_offset or 0,
                )
            )
        return found

    async def write(self, topic_partition: str, updates: Sequence[RowUpdate]) -> None:
        """See CounterStore. Every update moves all three columns, some by 0."""
        bind = self._update.bind
        await self._session.write_counter_batch(
            [
                bind(
                    (u.delivered, u.bounced, u.applied_offset, u.domain, topic_partition, u.writer)
                )
                for u in updates
            ]
        )

    def split(self, updates: Sequence[RowUpdate], size: int) -> list[list[RowUpdate]]:
        """See CounterStore."""
        by_replicas: dict[tuple[str, ...], list[RowUpdate]] = {}
        replicas = self._session.replicas_of([update.domain for update in updates])
        for update, key in zip(updates, replicas, strict=True):
            by_replicas.setdefault(key, []).append(update)
        return [
            group[start : start + size]
            for group in by_replicas.values()
            for start in range(0, len(group), size)
        ]

    async def delete(self, topic_partition: str, rows: Sequence[SupersededRow]) -> None:
        """See CounterStore. A deletion may be repeated, so an unknown outcome does no harm."""
        write, bind = self._session.write, self._delete.bind
        await asyncio.gather(
            *(write(bind((row.domain, topic_partition, row.writer))) for row in rows)
        )

    def epoch(self) -> int:
        """See CounterStore. A node that restarts gets a new connection."""
        return self._session.node_epoch()
