"""A session whose table of counters is in memory, for scans of whole buckets."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from query.export.domain_sums import StoredRow
from query.export.scan import DomainScanner
from shared.cassandra.session import Session
from shared.errors import StoreUnavailableError
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.partitioning import bucket_of
from tests.fakes.clock import Clock


@dataclass(slots=True)
class _Statement:
    buckets: Sequence[int] = ()

    def bind(self, values: tuple[Sequence[int]]) -> "_Statement":
        return _Statement(*values)


@dataclass(slots=True)
class StoredDomains:
    """The parts of a Session that a scan uses. ``outcomes``: True for a read that fails."""

    rows: Sequence[StoredRow]
    keyspace: str = "k"
    outcomes: deque[bool] = field(default_factory=deque)
    requests: list[Sequence[int]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    async def prepare(self, _: str, *, fetch_size: int) -> _Statement:
        """See Session."""
        assert fetch_size > 0
        return _Statement()

    async def read_pages(self, statement: Any) -> list[StoredRow]:
        """See Session. The buckets come in another order than they were asked for."""
        self.requests.append(statement.buckets)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(0)
            if self.outcomes and self.outcomes.popleft():
                raise StoreUnavailableError("Cassandra did not answer: planned")
        finally:
            self.in_flight -= 1
        wanted = set(statement.buckets)
        return sorted(
            (row for row in self.rows if row[0] in wanted), key=lambda row: (-row[0], row[1])
        )


def rows_of(domains: Mapping[str, Counters], buckets: int) -> list[StoredRow]:
    """Return one row for each of *domains*."""
    return [
        (bucket_of(domain, buckets), domain, "t/0", counters.delivered, counters.bounced, 1)
        for domain, counters in domains.items()
    ]


async def open_scanner(
    stored: StoredDomains, buckets: int, clock: Clock | None = None
) -> DomainScanner:
    """Return a scanner of *stored*."""
    return await DomainScanner.prepare(cast(Session, stored), buckets, clock or Clock())


def in_scan_order(domains: Mapping[str, Counters], buckets: int) -> list[DomainName]:
    """Return *domains* in the order in which a scan yields them."""
    found = sorted(domains, key=lambda domain: (bucket_of(domain, buckets), domain))
    return [DomainName(domain) for domain in found]
