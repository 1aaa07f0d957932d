"""Read the counters of domains from Cassandra, several domains by one request.

A request costs the driver ten times what the rows of a domain do. So reads go out alone while
few are asked for, and those that have to wait go together, as many as have the same replicas.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any, Protocol, Self

from shared.cassandra.session import ReadFailedError, Session
from shared.errors import NodeFullError, RetriableError, StoreUnavailableError
from shared.model.counter import CounterRow, Counters, sum_rows
from shared.model.domain import DomainName

DOMAINS_PER_REQUEST = 32
SLOW_SECONDS = 0.1
"""A request that takes longer makes room for another: one slow domain must not stop all."""
_READ = (
    "SELECT domain, log, writer, delivered, bounced, applied_offset"
    " FROM {keyspace}.domain_counters WHERE domain IN ?"
)
_RIGHT = "SELECT domain FROM {keyspace}.domain_counters WHERE domain = ''"
"""It finds nothing: no domain is empty."""


class CounterReader(Protocol):
    """Whoever knows the counters of a domain."""

    @property
    def room(self) -> int:
        """How many more reads would be taken in hand now."""

    @property
    def idle(self) -> bool:
        """Whether a read would go out at once."""

    async def read(self, domain: DomainName) -> Counters:
        """Return the counters of *domain*, zeros if it was never seen.

        Raises RetriableError.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBounds:
    """What one reader does at a time."""

    at_once: int
    """Requests under way, without the slow ones."""
    in_flight: int
    """Requests under way in all."""
    waiting: int
    """Reads that wait for one of them."""
    wait_seconds: float
    """Beyond it a read is refused: at once if the first of the waiting has waited so long."""


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    domain: DomainName
    since: float
    outcome: "asyncio.Future[Counters]"

    def fail(self, error: RetriableError) -> None:
        if not self.outcome.done():  # else whoever asked has gone
            self.outcome.set_exception(error)


class CassandraCounterReader:
    """The reader on Cassandra; each has places and a queue of its own."""

    FULL = "This node has as many reads in hand as it may."

    def __init__(
        self, session: Session, statement: Any, bounds: ReadBounds, clock: Callable[[], float]
    ) -> None:
        self._session = session
        self._statement = statement
        self._bounds = bounds
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[tuple[str, ...], deque[_Read]] = {}
        """By their replicas; those whose turn is next stand first."""
        self._waits = 0
        self._requests: set[asyncio.Task[None]] = set()
        self._brisk: set[asyncio.Task[None]] = set()
        self._sending_soon = False
        self._left_behind_at = -inf
        """When some had to wait because there was no place."""

    @classmethod
    async def prepare(
        cls, session: Session, bounds: ReadBounds, clock: Callable[[], float]
    ) -> Self:
        """Return the reader with its statement prepared.

        Raises StoreUnavailableError, and AccessDeniedError if we may not read.
        """
        statement = await session.prepare(_READ.format(keyspace=session.keyspace))
        await session.require(_RIGHT.format(keyspace=session.keyspace))
        return cls(session, statement, bounds, clock)

    @property
    def room(self) -> int:
        """See CounterReader."""
        for reads in self._waiting.values():
            if reads[0].since <= self._too_late():
                return 0
            break
        return self._bounds.waiting - self._waits

    @property
    def idle(self) -> bool:
        """See CounterReader."""
        return not self._waits and self._has_place()

    async def read(self, domain: DomainName) -> Counters:
        """See CounterReader. NodeFullError where it would have to wait too long."""
        if self.room <= 0:
            raise NodeFullError(self.FULL)
        read = _Read(domain, self._clock(), self._loop.create_future())
        (replicas,) = self._session.replicas_of((domain,))
        self._waiting.setdefault(replicas, deque()).append(read)
        self._waits += 1
        if not self._sending_soon:
            # Not at once: what else this turn of the loop asks for goes along.
            self._sending_soon = True
            self._loop.call_soon(self._send)
        return await read.outcome

    def _has_place(self) -> bool:
        bounds = self._bounds
        return len(self._brisk) < bounds.at_once and len(self._requests) < bounds.in_flight

    def _send(self) -> None:
        self._sending_soon = False
        while self._waiting and self._has_place():
            if reads := self._take():
                request = self._loop.create_task(self._request(reads))
                slow = self._loop.call_later(SLOW_SECONDS, self._slow, request)
                request.add_done_callback(partial(self._ended, slow))
                self._requests.add(request)
                self._brisk.add(request)
        if self._waits:
            self._left_behind_at = self._clock()

    def _too_late(self) -> float:
        """Return since when one must have waited to be refused: for a place, not for the loop."""
        return min(self._clock() - self._bounds.wait_seconds, self._left_behind_at)

    def _take(self) -> list[_Read]:
        """Take what goes out together from those whose turn it is, and refuse what is too late."""
        replicas, queue = next(iter(self._waiting.items()))
        del self._waiting[replicas]
        too_late = self._too_late()
        taken: list[_Read] = []
        while queue and len(taken) < DOMAINS_PER_REQUEST:
            read = queue.popleft()
            self._waits -= 1
            if read.since <= too_late:
                read.fail(NodeFullError(self.FULL))
            elif not read.outcome.done():
                taken.append(read)
        if queue:
            self._waiting[replicas] = queue  # behind all others
        return taken

    def _slow(self, request: "asyncio.Task[None]") -> None:
        self._brisk.discard(request)
        self._send()

    def _ended(self, slow: asyncio.TimerHandle, request: "asyncio.Task[None]") -> None:
        slow.cancel()
        self._requests.discard(request)
        self._slow(request)

    async def _request(self, reads: Sequence[_Read]) -> None:
        """Answer *reads* by one request, or by one each if it fails for some of them alone."""
        domains = {read.domain for read in reads}
        try:
            rows = await self._session.read(self._statement.bind((list(domains),)))
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
            CounterRow(
                row.log, row.writer, row.delivered or 0, row.bounced or 0, row.applied_offset or 0
            )
        )
    for read in reads:
        if not read.outcome.done():  # else whoever asked has gone
            read.outcome.set_result(sum_rows(found.get(read.domain, ())))


def _fail(reads: Sequence[_Read], error: RetriableError) -> None:
    for read in reads:
        read.fail(StoreUnavailableError(str(error)))
