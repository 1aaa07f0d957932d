"""Clients of several nodes, as if behind a load balancer.

A client keeps its connection until an answer closes it, or goes to the next node if a node accepts
no connection. It never repeats a request: each must be answered the first time.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle

from tests.clients.raw_client import Answer, RawConnection, post, put

LINES = 200
BOUNCE_EVERY = 50
PAUSE_SECONDS = 0.01
CONNECT_SECONDS = 10.0


class Balanced:
    """A client of several nodes with one connection at a time."""

    def __init__(self, urls: list[str]) -> None:
        self._urls = cycle(urls)
        self._connection: RawConnection | None = None

    async def ask(self, request: bytes) -> Answer:
        """Send *request* once, to the first node that accepts a connection."""
        connection = self._connection or await self._connect()
        self._connection = None
        answer = await connection.ask(request)
        if answer.closes:
            connection.close()
        else:
            self._connection = connection
        return answer

    async def _connect(self) -> RawConnection:
        async with asyncio.timeout(CONNECT_SECONDS):
            while True:
                try:
                    return await RawConnection.open(next(self._urls))
                except OSError:
                    await asyncio.sleep(0.01)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


@dataclass(slots=True)
class Seen:
    """The results of all clients; their domains are in *zone*."""

    zone: str = "example.com"
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Accepted, by domain and kind."""
    in_doubt: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Events of requests without a 202: they may be stored."""
    answers: Counter[str] = field(default_factory=Counter)
    refused: list[Answer] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    slowest: float = 0.0
    stopping: bool = False

    def name(self, way: str, number: int) -> str:
        """Return the domain of client *number*."""
        return f"{way}-{number}.{self.zone}"

    @property
    def domains(self) -> set[str]:
        """All domains with accepted events."""
        return {domain for domain, _ in self.events}

    async def put(self, number: int, client: Balanced) -> None:
        """Report single events; each client has its own domain."""
        domain, sent = self.name("put", number), 0
        while not self.stopping:
            kind = "delivered" if sent % BOUNCE_EVERY else "bounced"
            answer = await self._ask(client, put(domain, kind), "PUT", 202)
            (self.in_doubt if answer is None else self.events)[domain, kind] += 1
            sent += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def post(self, number: int, client: Balanced) -> None:
        """Report many events at a time."""
        domain = self.name("bulk", number)
        request = post(b'{"domain": "%s", "event": "delivered"}\n' % domain.encode() * LINES)
        while not self.stopping:
            answer = await self._ask(client, request, "POST", 202)
            if answer is None:
                self.in_doubt[domain, "delivered"] += LINES
            else:
                self.events[domain, "delivered"] += json.loads(answer.body)["accepted"]
            await asyncio.sleep(PAUSE_SECONDS)

    async def get(self, number: int, client: Balanced) -> None:
        """Read a domain whose counts change."""
        name = self.name("put", number)
        request = f"GET /domains/{name} HTTP/1.1\r\nHost: test\r\n\r\n"
        while not self.stopping:
            await self._ask(client, request.encode(), "GET", 200)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _ask(
        self, client: Balanced, request: bytes, method: str, expected: int
    ) -> Answer | None:
        began = time.perf_counter()
        try:
            answer = await client.ask(request)
        except (asyncio.IncompleteReadError, OSError) as error:
            self.unanswered.append(f"{method}: {error!r}")
            return None
        self.slowest = max(self.slowest, time.perf_counter() - began)
        self.answers[method] += 1
        if answer.status != expected:
            self.refused.append(answer)
            return None
        return answer


@asynccontextmanager
async def open_traffic(
    ingests: Sequence[str],
    queries: Sequence[str],
    *,
    zone: str = "example.com",
    puts: int = 12,
    bulks: int = 2,
    gets: int = 2,
) -> AsyncIterator[Seen]:
    """Send and read while the context is open; the clients start at different nodes."""
    seen = Seen(zone)
    clients: list[Balanced] = []

    def of(urls: Sequence[str], number: int) -> Balanced:
        first = number % len(urls)
        clients.append(Balanced([*urls[first:], *urls[:first]]))
        return clients[-1]

    try:
        async with asyncio.TaskGroup() as tasks:
            for number in range(puts):
                tasks.create_task(seen.put(number, of(ingests, number)))
            for number in range(bulks):
                tasks.create_task(seen.post(number, of(ingests, number)))
            for number in range(gets):
                tasks.create_task(seen.get(number, of(queries, number)))
            try:
                yield seen
            finally:
                seen.stopping = True
    finally:
        for client in clients:
            client.close()
