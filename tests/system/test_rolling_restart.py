"""Every process of every tier is replaced, one after the other, while senders and readers go on.

Clients do what a balancer in front of two nodes does: they stay on a connection for as long as
they may, and when one ends, or a node takes none, they go to the other node. They never repeat a
request: each must be answered the first time.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import cycle

import pytest
import pytest_asyncio

from tests.system.client import Client
from tests.system.raw_client import Answer, RawConnection, post, put
from tests.system.stack import Stack, TierProcess

PUT_CLIENTS = 12
BULK_CLIENTS = 2
GET_CLIENTS = 2
LINES = 200
BOUNCE_EVERY = 50
PAUSE_SECONDS = 0.01
CONNECT_SECONDS = 10.0
SLOWEST_SECONDS = 5.0
"""Of any answer; nodes that start take the cores from those that answer."""


class Balanced:
    """Connections to two nodes, one at a time."""

    def __init__(self, urls: list[str]) -> None:
        self._urls = cycle(urls)
        self._connection: RawConnection | None = None

    async def ask(self, request: bytes) -> Answer:
        """Send *request* once, to whichever node takes the connection."""
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
        """Close what is open."""
        if self._connection is not None:
            self._connection.close()


@dataclass(slots=True)
class Seen:
    """What all clients have seen."""

    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    refused: list[Answer] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    slowest: float = 0.0
    stopping: bool = False

    async def put(self, number: int, client: Balanced) -> None:
        """Report single events of a domain of this client's own."""
        domain, sent = f"put-{number}.example.com", 0
        while not self.stopping:
            kind = "delivered" if sent % BOUNCE_EVERY else "bounced"
            answer = await self._ask(client, put(domain, kind), "PUT", 202)
            self.events[domain, kind] += answer is not None
            sent += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def post(self, number: int, client: Balanced) -> None:
        """Report many events at a time."""
        domain = f"bulk-{number}.example.com"
        request = post(b'{"domain": "%s", "event": "delivered"}\n' % domain.encode() * LINES)
        while not self.stopping:
            answer = await self._ask(client, request, "POST", 202)
            if answer is not None:
                self.events[domain, "delivered"] += json.loads(answer.body)["accepted"]
            await asyncio.sleep(PAUSE_SECONDS)

    async def get(self, number: int, client: Balanced) -> None:
        """Read a domain that moves."""
        request = f"GET /domains/put-{number}.example.com HTTP/1.1\r\nHost: test\r\n\r\n"
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


@pytest_asyncio.fixture
async def stack(
    server_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """A stack of its own: every process of it is stopped."""
    async with Stack("rolling", tmp_path_factory.mktemp("rolling"), server_environment) as stack:
        yield stack


async def test_every_process_is_replaced_without_one_refused_or_lost_event(stack: Stack) -> None:
    """Two nodes of each tier, stopped and started in turn under load: all 202, counts exact."""
    ingests, workers, queries = await stack.all(ingest=2, workers=2, query=2)
    seen, seconds = Seen(), []
    clients: list[Balanced] = []

    def of(nodes: list[TierProcess], number: int) -> Balanced:
        urls = [node.url for node in nodes]
        clients.append(Balanced(urls[number % 2 :] + urls[: number % 2]))
        return clients[-1]

    async with asyncio.TaskGroup() as tasks:
        for number in range(PUT_CLIENTS):
            tasks.create_task(seen.put(number, of(ingests, number)))
        for number in range(BULK_CLIENTS):
            tasks.create_task(seen.post(number, of(ingests, number)))
        for number in range(GET_CLIENTS):
            tasks.create_task(seen.get(number, of(queries, number)))
        for nodes, variable, start in (
            (ingests, "INGEST_HTTP_PORT", stack.ingest),
            (workers, "", stack.worker),
            (queries, "QUERY_HTTP_PORT", stack.query),
        ):
            seconds += [await _replace(node, variable, start) for node in nodes]
        seen.stopping = True
    for client in clients:
        client.close()

    assert (seen.unanswered, seen.refused) == ([], [])
    assert seen.slowest < SLOWEST_SECONDS
    assert min(seen.answers[method] for method in ("PUT", "POST", "GET")) > 100
    client = Client(stack.http, "", queries[0].url)
    for domain in {domain for domain, _ in seen.events}:
        delivered, bounced = (seen.events[domain, kind] for kind in ("delivered", "bounced"))
        await client.wait_for_counts(domain, delivered, bounced)
    print(  # noqa: T201 what was measured, for whoever runs it with -s
        f"replaced {len(seconds)} processes in {sum(seconds):.1f} s, the slowest in "
        f"{max(seconds):.1f} s; {dict(seen.answers)} answers, {sum(seen.events.values()):,} events "
        f"accepted and counted, none refused or lost, the slowest answer {seen.slowest:.2f} s"
    )


async def _replace(
    node: TierProcess, variable: str, start: Callable[..., Awaitable[TierProcess]]
) -> float:
    """Stop *node* and start another in its place; return how long that took."""
    began = time.perf_counter()
    assert await node.stop() == 0, node.log_text()
    await start(**({variable: node.url.rpartition(":")[2]} if variable else {}))
    return time.perf_counter() - began
