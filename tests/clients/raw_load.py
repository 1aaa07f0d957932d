"""Press a node with one request over many connections, each sending again once it is answered.

Where the request says ``{number}`` each has a number of its own there, of as many digits.
Runs in a process of its own: what it takes of the machine must not be a test's own delay.
"""

import asyncio
import multiprocessing
import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import cast

import uvloop

from tests.clients.raw_client import address_of

_END_SECONDS = 30.0
_GREETINGS_AT_ONCE = 4
_NUMBER = b"{number}"


@dataclass(slots=True)
class Pressure:
    """What became of all requests, and how long each answer took from its sending."""

    greeted: int = 0
    """The first requests of connections that were accepted, before the clock ran."""
    accepted_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)
    unanswered: int = 0
    strange: list[bytes] = field(default_factory=list)
    """Answers that are neither 200 or 202 nor 503 with Retry-After."""
    seconds: float = 0.0

    @property
    def accepted(self) -> int:
        """How many were accepted."""
        return len(self.accepted_ms)

    @property
    def refused(self) -> int:
        """How many were refused."""
        return len(self.refused_ms)

    @property
    def rate(self) -> float:
        """How many were accepted in a second."""
        return self.accepted / self.seconds

    @property
    def p99_ms(self) -> float:
        """What 99 of 100 accepted requests did not exceed."""
        return self._percentile_ms(99)

    @property
    def p95_ms(self) -> float:
        """What 95 of 100 accepted requests did not exceed."""
        return self._percentile_ms(95)

    def _percentile_ms(self, percent: int) -> float:
        ordered = sorted(self.accepted_ms)
        return ordered[len(ordered) * percent // 100]


class _Sender(asyncio.Protocol):
    """One connection: a request, its answer, and so on until it is time."""

    def __init__(self, request: bytes, pressure: Pressure, numbers: "count[int]") -> None:
        self._request = request
        self._numbers = numbers if _NUMBER in request else None
        self._pressure = pressure
        self._until: float | None = None
        self._received = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport
        self._done = asyncio.get_running_loop().create_future()

    async def greet(self) -> None:
        """Send one request, so that the connection is known to be open at the other side."""
        self._send()
        await self._done

    async def press(self, until: float) -> None:
        """Send requests until it is time, and end the connection."""
        self._until = until
        self._done = asyncio.get_running_loop().create_future()
        self._send()
        await self._done
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def _send(self) -> None:
        request = self._request
        if self._numbers is not None:
            request = request.replace(_NUMBER, b"%08d" % next(self._numbers))
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        lowered = head.lower()
        _, _, after = lowered.partition(b"content-length:")
        if not separator or len(body) < int(after.split(b"\r\n")[0]):
            return
        self._received = b""
        took_ms = (time.perf_counter() - self._sent_at) * 1000
        status = head[9:12]
        if status == b"503" and b"\r\nretry-after:" in lowered:
            self._pressure.refused_ms.append(took_ms)
        elif status not in {b"200", b"202"}:
            self._pressure.strange.append(head + body)
        elif self._until is None:
            self._pressure.greeted += 1
        else:
            self._pressure.accepted_ms.append(took_ms)
        if self._until is not None and time.perf_counter() < self._until:
            self._send()
        else:
            self._done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 the interface's
        if not self._done.done():
            self._pressure.unanswered += 1
            self._done.set_result(None)


async def _press(url: str, request: bytes, connections: int, seconds: float) -> Pressure:
    loop = asyncio.get_running_loop()
    pressure = Pressure()
    numbers = count(random.randrange(10**7))
    senders: list[_Sender] = []
    host, port = address_of(url)
    for start in range(0, connections, _GREETINGS_AT_ONCE):
        end = min(start + _GREETINGS_AT_ONCE, connections)
        some = [_Sender(request, pressure, numbers) for _ in range(start, end)]
        for sender in some:
            await loop.create_connection(partial(_same, sender), host, port)
        await asyncio.gather(*(sender.greet() for sender in some))
        senders += some
    began = time.perf_counter()
    async with asyncio.timeout(seconds + _END_SECONDS):
        await asyncio.gather(*(sender.press(began + seconds) for sender in senders))
    pressure.seconds = time.perf_counter() - began
    return pressure


def _same(sender: _Sender) -> _Sender:
    return sender


def _run(url: str, request: bytes, connections: int, seconds: float) -> Pressure:
    return uvloop.run(_press(url, request, connections, seconds))


class Press:
    """The process that presses."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    async def __call__(
        self, url: str, request: bytes, connections: int, seconds: float
    ) -> Pressure:
        """Send *request* over that many connections for that long; return what came back."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, _run, url, request, connections, seconds)


@contextmanager
def open_press() -> Iterator[Press]:
    """Start the process, and end it."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield Press(pool)
