"""Read every domain of the keyspace, bucket by bucket, some requests ahead of the consumer.

The order is fixed: by bucket, within a bucket by domain. A domain determines its bucket, so the
last domain that a client has is all it needs to go on, at any node.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, NamedTuple, Self

from query.export.domain_sums import DomainSum, StoredRow, sum_domains
from shared.cassandra.session import Session
from shared.errors import StoreUnavailableError
from shared.model.domain import DomainName
from shared.model.partitioning import bucket_of

PAGE_ROWS = 5_000
MAX_BUCKETS = 32
"""The most buckets in a request. An empty keyspace takes one request per 32 buckets."""
_FIRST_BUCKETS = 4
PATIENCE_SECONDS = 30.0
RETRY_SECONDS = 0.5
_READ = (
    "SELECT bucket, domain, log, delivered, bounced, applied_offset"
    " FROM {keyspace}.domain_counters WHERE bucket IN ?"
)


class _Start(NamedTuple):
    bucket: int
    after: str = ""
    """Domains of the bucket up to this one are left out."""


class _Part(NamedTuple):
    domains: list[DomainSum]
    next_bucket: int


class DomainScanner:
    """Scans all buckets; each scan has up to *ahead* requests in flight or read and not yet used.

    A bucket is read whole, and each page of it at LOCAL_QUORUM. The memory of a scan is bounded by
    *ahead* requests of a few thousand rows each, or of a single bucket that has more.
    """

    def __init__(
        self, session: Session, statement: Any, buckets: int, clock: Callable[[], float]
    ) -> None:
        self._session = session
        self._statement = statement
        self._buckets = buckets
        self._clock = clock

    @classmethod
    async def prepare(cls, session: Session, buckets: int, clock: Callable[[], float]) -> Self:
        """Prepare the statement and return the scanner. Raises StoreUnavailableError."""
        statement = await session.prepare(
            _READ.format(keyspace=session.keyspace), fetch_size=PAGE_ROWS
        )
        return cls(session, statement, buckets, clock)

    async def scan(
        self, after: DomainName | None, ahead: int
    ) -> AsyncGenerator[list[DomainSum], None]:
        """Yield all domains after *after*, which need not exist; without it, all domains.

        Close it (``aclosing``): reads may be in flight.

        A read that fails is repeated for half a minute, unless nothing was yielded yet. Raises
        StoreUnavailableError.
        """
        start = _Start(0) if after is None else _Start(bucket_of(after, self._buckets), after)
        advanced_at = None
        while True:
            try:
                async with aclosing(self._scan(start, ahead)) as parts:
                    async for part in parts:
                        start = _Start(part.next_bucket)
                        yield part.domains
                        # Not before: the consumer may have taken long.
                        advanced_at = self._clock()
            except StoreUnavailableError:
                if advanced_at is None or self._clock() - advanced_at > PATIENCE_SECONDS:
                    raise
            else:
                return
            await asyncio.sleep(RETRY_SECONDS)

    async def _scan(self, start: _Start, ahead: int) -> AsyncGenerator[_Part, None]:
        next_bucket, size = start.bucket, _FIRST_BUCKETS
        reads: deque[tuple[range, asyncio.Task[list[DomainSum]]]] = deque()
        try:
            while True:
                while len(reads) < ahead and next_bucket < self._buckets:
                    group = range(next_bucket, min(next_bucket + size, self._buckets))
                    reads.append((group, asyncio.create_task(self._read(group))))
                    next_bucket = group.stop
                if not reads:
                    return
                group, read = reads.popleft()
                domains = await read
                # Buckets have about as many domains each, so the next ones fill a page.
                size = min(MAX_BUCKETS, max(1, PAGE_ROWS * len(group) // max(1, len(domains))))
                if start.bucket in group and start.after:
                    domains = [each for each in domains if self._is_after(start, each[0])]
                yield _Part(domains, group.stop)
        finally:
            for _, read in reads:
                read.cancel()
            await asyncio.gather(*(read for _, read in reads), return_exceptions=True)

    async def _read(self, group: range) -> list[DomainSum]:
        rows: list[StoredRow] = await self._session.read_pages(self._statement.bind((list(group),)))
        return sum_domains(rows)

    def _is_after(self, start: _Start, domain: DomainName) -> bool:
        return domain > start.after or bucket_of(domain, self._buckets) != start.bucket
