"""Read the counters of domains from Cassandra, several domains per request.

A request costs the driver ten times as much as the rows of a domain. While there are few reads,
each is sent alone. Reads that have to wait are sent together if they have the same replicas.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any, Protocol, Self

from shared.cassandra.failures import ReadFailedError
from shared.cassandra.session import Session, encode_int
from shared.errors import NodeFullError, RetriableError, StoreUnavailableError
from shared.model.counter import CounterRow, Counters, sum_rows
from shared.model.domain import DomainName
from shared.model.partitioning import bucket_of

DOMAINS_PER_REQUEST = 32
SLOW_SECONDS = 0.1
"""A slower request no longer counts for ``at_once``: one slow domain must not stop all reads."""
_READ = (
    "SELECT domain, log, delivered, bounced, applied_offset"
    " FROM {keyspace}.domain_counters WHERE bucket IN ? AND domain IN ?"
)
_RIGHT = "SELECT domain FROM {keyspace}.domain_counters WHERE bucket = -1"
"""Checks the right to read. It finds no row, as no bucket is negative."""


class CounterReader(Protocol):
    """A source of the counters of domains."""

    @property
    def room(self) -> int:
        """The number of reads that would be accepted now."""

    @property
    def idle(self) -> bool:
        """Whether a read would be sent at once."""

    async def read(self, domain: DomainName) -> Counters:
        """Return the counters of *domain*: zeros if it has no events.

        Raises RetriableError.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBounds:
    """The limits of one reader."""

    at_once: int
    """Requests in flight, without the slow ones."""
    in_flight: int
    """Requests in flight, including the slow ones."""
    waiting: int
    """Reads that wait to be sent."""
    wait_seconds: float
    """A read that has waited for longer is refused; while there is one, so are new reads."""


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    domain: DomainName
    since: float
    outcome: "asyncio.Future[Counters]"

    def fail(self, error: BaseException) -> None:
        if not self.outcome.done():  # else the caller was cancelled
            self.outcome.set_exception(error)


class CassandraCounterReader:
    """A reader of Cassandra, with separate limits and a separate queue."""

    FULL = "This node has reached its limit of waiting reads."

    def __init__(
        self,
        session: Session,
        statement: Any,
        buckets: int,
        bounds: ReadBounds,
        clock: Callable[[], float],
    ) -> None:
        self._session = session
        self._statement = statement
        self._buckets = buckets
        self._bounds = bounds
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[tuple[str, ...], deque[_Read]] = {}
        """By replicas; the first queue is the next one to be sent."""
        self._waiting_count = 0
        self._requests: set[asyncio.Task[None]] = set()
        self._fast: set[asyncio.Task[None]] = set()
        self._sending_soon = False
        self._last_backlog_at = -inf
        """The last time that reads had to wait because no request was allowed."""

    @classmethod
    async def prepare(
        cls, session: Session, buckets: int, bounds: ReadBounds, clock: Callable[[], float]
    ) -> Self:
        """Prepare the statement and return the reader.

        Raises StoreUnavailableError, and AccessDeniedError if this node has no right to read.
        """
        statement = await session.prepare(_READ.format(keyspace=session.keyspace))
        await session.require(_RIGHT.format(keyspace=session.keyspace))
        return cls(session, statement, buckets, bounds, clock)

    @property
    def room(self) -> int:
        """See CounterReader."""
        for reads in self._waiting.values():
            if reads[0].since <= self._expiry():
                return 0
            break
        return self._bounds.waiting - self._waiting_count

    @property
    def idle(self) -> bool:
        """See CounterReader."""
        return not self._waiting_count and self._may_send()

    async def read(self, domain: DomainName) -> Counters:
        """See CounterReader. Raises NodeFullError where the read would wait too long."""
        if self.room <= 0:
            raise NodeFullError(self.FULL)
        read = _Read(domain, self._clock(), self._loop.create_future())
        bucket = bucket_of(domain, self._buckets)
        replicas = self._session.replicas_of(encode_int(bucket))
        self._waiting.setdefault(replicas, deque()).append(read)
        self._waiting_count += 1
        if not self._sending_soon:
            # Not at once: other reads of this turn of the event loop join the request.
            self._sending_soon = True
            self._loop.call_soon(self._send)
        return await read.outcome

    def _may_send(self) -> bool:
        bounds = self._bounds
        return len(self._fast) < bounds.at_once and len(self._requests) < bounds.in_flight

    def _send(self) -> None:
        self._sending_soon = False
        while self._waiting and self._may_send():
            if reads := self._take():
                request = self._loop.create_task(self._request(reads))
                timer = self._loop.call_later(SLOW_SECONDS, self._mark_slow, request)
                request.add_done_callback(partial(self._on_done, timer, reads))
                self._requests.add(request)
                self._fast.add(request)
        if self._waiting_count:
            self._last_backlog_at = self._clock()

    def _expiry(self) -> float:
        """Return the time before which a waiting read is refused.

        A read that waited only for the event loop is not refused.
        """
        return min(self._clock() - self._bounds.wait_seconds, self._last_backlog_at)

    def _take(self) -> list[_Read]:
        """Remove the next reads to send together from the queue, and refuse the expired ones."""
        replicas, queue = next(iter(self._waiting.items()))
        del self._waiting[replicas]
        expiry = self._expiry()
        taken: list[_Read] = []
        while queue and len(taken) < DOMAINS_PER_REQUEST:
            read = queue.popleft()
            self._waiting_count -= 1
            if read.since <= expiry:
                read.fail(NodeFullError(self.FULL))
            elif not read.outcome.done():
                taken.append(read)
        if queue:
            self._waiting[replicas] = queue  # at the end of the order
        return taken

    def _mark_slow(self, request: "asyncio.Task[None]") -> None:
        self._fast.discard(request)
        self._send()

    def _on_done(
        self, timer: asyncio.TimerHandle, reads: Sequence[_Read], request: "asyncio.Task[None]"
    ) -> None:
        timer.cancel()
        if not request.cancelled() and (defect := request.exception()) is not None:
            for read in reads:  # they would wait for ever
                read.fail(defect)
        self._requests.discard(request)
        self._mark_slow(request)

    async def _request(self, reads: Sequence[_Read]) -> None:
        """Resolve *reads* by one request; one request each if Cassandra cannot read some domain."""
        domains = {read.domain for read in reads}
        try:
            buckets = {bucket_of(domain, self._buckets) for domain in domains}
            rows = await self._session.read(self._statement.bind((list(buckets), list(domains))))
        except ReadFailedError as error:
            if len(domains) == 1:
                _fail(reads, error)
                return
            await asyncio.gather(*(self._request([read]) for read in reads))
        except RetriableError as error:
            _fail(reads, error)
        else:
            _settle(reads, rows)


def _settle(reads: Sequence[_Read], rows: Sequence[Any]) -> None:
    found: dict[str, list[CounterRow]] = {}
    for row in rows:
        found.setdefault(row.domain, []).append(
            CounterRow(row.log, row.delivered or 0, row.bounced or 0, row.applied_offset or 0)
        )
    for read in reads:
        if not read.outcome.done():  # else the caller was cancelled
            read.outcome.set_result(sum_rows(found.get(read.domain, ())))


def _fail(reads: Sequence[_Read], error: RetriableError) -> None:
    for read in reads:
        read.fail(StoreUnavailableError(str(error)))
