"""Load a node with one request over many connections, in a closed loop.

``{number}`` in the request becomes a different number of eight digits each time. The load runs
in a process of its own, so that its CPU time does not delay the test itself.
"""

import asyncio
import multiprocessing
import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import uvloop

from tests.tools.load.client.closed_loop import ClosedLoop
from tests.tools.load.client.connection import Answer
from tests.tools.load.client.node import node_at

_END_SECONDS = 30.0
_FIRST_ANSWER_SECONDS = 20.0
_OPENED_AT_ONCE = 4
_NUMBER = b"{number}"


@dataclass(slots=True)
class Pressure:
    """The outcomes of all requests, and the time from sending each to its answer."""

    greeted: int = 0
    """The first requests of connections that were accepted, before the clock started."""
    accepted_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)
    unanswered: int = 0
    strange: list[Answer] = field(default_factory=list)
    """Answers that are neither 200 or 202 nor 503 with Retry-After."""
    seconds: float = 0.0
    """From the start of the clock to the last accepted request; refusals may be answered later."""

    @property
    def accepted(self) -> int:
        """The number of accepted requests."""
        return len(self.accepted_ms)

    @property
    def refused(self) -> int:
        """The number of refused requests."""
        return len(self.refused_ms)

    @property
    def rate(self) -> float:
        """Accepted requests per second."""
        return self.accepted / self.seconds

    @property
    def p99_ms(self) -> float:
        """The 99th percentile of accepted requests."""
        return self._percentile_ms(99)

    @property
    def p95_ms(self) -> float:
        """The 95th percentile of accepted requests."""
        return self._percentile_ms(95)

    def _percentile_ms(self, percent: int) -> float:
        ordered = sorted(self.accepted_ms)
        return ordered[len(ordered) * percent // 100]


class _Load:
    """One run: open the connections, then keep all of them busy for a while."""

    def __init__(self, url: str, request: bytes) -> None:
        self.pressure = Pressure()
        self._request = request
        self._numbers = count(random.randrange(10**7))
        self._began = 0.0
        self._loop = ClosedLoop(node_at(url), self._record)

    async def run(self, connections: int, seconds: float) -> Pressure:
        """Send requests over *connections* for *seconds*; return the outcomes."""
        for start in range(0, connections, _OPENED_AT_ONCE):
            some = min(_OPENED_AT_ONCE, connections - start)
            await self._loop.open(some)
            # One answer on each: the node has accepted the connection.
            self._loop.feed([self._next() for _ in range(some)])
            await self._drain(_FIRST_ANSWER_SECONDS)
        self._began = time.perf_counter()
        self._loop.feed(self._until(self._began + seconds))
        await self._drain(seconds + _END_SECONDS)
        self.pressure.unanswered = self._loop.lost_requests
        await self._loop.close()
        return self.pressure

    async def _drain(self, seconds: float) -> None:
        if not await self._loop.drain(seconds):
            raise TimeoutError(f"requests are still unanswered after {seconds:g} s")

    def _until(self, end: float) -> Iterator[bytes]:
        while time.perf_counter() < end:
            yield self._next()

    def _next(self) -> bytes:
        if _NUMBER not in self._request:
            return self._request
        return self._request.replace(_NUMBER, b"%08d" % next(self._numbers))

    def _record(self, answer: Answer, seconds: float) -> None:
        if answer.status == 503 and b"retry-after" in answer.headers:
            self.pressure.refused_ms.append(seconds * 1000)
        elif answer.status not in {200, 202}:
            self.pressure.strange.append(answer)
        elif self._began:
            self.pressure.accepted_ms.append(seconds * 1000)
            self.pressure.seconds = time.perf_counter() - self._began
        else:
            self.pressure.greeted += 1


def _run(url: str, request: bytes, connections: int, seconds: float) -> Pressure:
    async def run() -> Pressure:
        return await _Load(url, request).run(connections, seconds)

    return uvloop.run(run())


class Press:
    """A process that loads nodes."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    async def __call__(
        self, url: str, request: bytes, connections: int, seconds: float
    ) -> Pressure:
        """Send *request* over that many connections for that long; return the outcomes."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, _run, url, request, connections, seconds)


@contextmanager
def open_press() -> Iterator[Press]:
    """Start the process; end it on exit."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield Press(pool)
