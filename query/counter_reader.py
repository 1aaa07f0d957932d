"""Read the counters of domains from Cassandra."""

import asyncio
from typing import Any, Protocol, Self

from shared.cassandra import Session
from shared.counter import CounterRow, Counters, sum_rows
from shared.domain import DomainName
from shared.errors import NodeFullError

_READ = (
    "SELECT log, writer, delivered, bounced, applied_offset"
    " FROM {keyspace}.domain_counters WHERE domain = ?"
)


class CounterReader(Protocol):
    """Whoever knows the counters of a domain."""

    async def read(self, domain: DomainName) -> Counters:
        """Return the counters of *domain*, zeros if it was never seen.

        Raises RetriableError.
        """


class CassandraCounterReader:
    """The reader on Cassandra: one partition per read, a bounded number side by side."""

    def __init__(self, session: Session, statement: Any, in_flight: int, waiting: int) -> None:
        self._session = session
        self._statement = statement
        self._slots = asyncio.Semaphore(in_flight)
        self._in_hand = 0
        self._max_in_hand = in_flight + waiting

    @classmethod
    async def prepare(cls, session: Session, in_flight: int, waiting: int) -> Self:
        """Return the reader with its statement prepared. Raises StoreUnavailableError."""
        statement = await session.prepare(_READ.format(keyspace=session.keyspace))
        return cls(session, statement, in_flight, waiting)

    async def read(self, domain: DomainName) -> Counters:
        """See CounterReader. NodeFullError, at once, beyond the bound."""
        if self._in_hand >= self._max_in_hand:
            raise NodeFullError("This node has as many reads in hand as it may.")
        self._in_hand += 1
        try:
            async with self._slots:
                rows = await self._session.read(self._statement.bind((domain,)))
        finally:
            self._in_hand -= 1
        return sum_rows(
            CounterRow(
                row.log, row.writer, row.delivered or 0, row.bounced or 0, row.applied_offset or 0
            )
            for row in rows
        )
