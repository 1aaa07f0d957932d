"""A node that stops under full load answers every request that clients have sent.

A client must never see a connection end before an answer, unless the previous answer announced it.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest_asyncio

from tests.clients.client import Client
from tests.clients.raw_client import RawConnection, post, put
from tests.tiers.fleet import Fleet
from tests.tiers.stack import Stack, TierProcess
from tests.waiting import until, until_equal

ROUNDS = 5
PUT_CLIENTS = 32
BULK_CLIENTS = 4
LINES = 200
LOAD_SECONDS = 0.7
PUT_DOMAIN = "put.example.com"
BULK_DOMAIN = "bulk.example.com"
BULK = b'{"domain": "bulk.example.com", "event": "delivered"}\n' * LINES


@dataclass(slots=True)
class Senders:
    """The results of the clients in all rounds."""

    accepted: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    not_ready: int = 0

    async def send(self, url: str, request: bytes, domain: str) -> None:
        """Send *request* over one connection until an answer closes it."""
        connection = await RawConnection.open(url)
        try:
            while True:
                try:
                    answer = await connection.ask(request)
                except (asyncio.IncompleteReadError, ConnectionError):
                    self.unanswered += 1
                    return
                if answer.status == 202:
                    events = json.loads(answer.body)["accepted"] if answer.body else 1
                    self.accepted[domain] += events
                else:
                    self.refused[answer.status] += 1
                if answer.closes:
                    return
        finally:
            connection.close()

    async def watch(self, stack: Stack, node: TierProcess) -> None:
        """Count the readiness answers that report a stop."""
        client = Client(stack.http, "", "")
        while True:
            try:
                reply = await client.request("GET", f"{node.management}/readyz")
            except OSError:
                return
            self.not_ready += reply.status == 503 and reply.body["stopping"]
            await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def stack(fleet: Fleet) -> AsyncIterator[Stack]:
    """The fleet's stack; ingest nodes that a test starts end with the test."""
    async with fleet.stack.guests() as opened:
        yield opened


async def test_a_node_that_stops_answers_every_request_it_received(
    stack: Stack, fleet: Fleet
) -> None:
    """After SIGTERM it is not ready, accepts no connections, answers all, ends with status 0."""
    seen = Senders()
    url, port = "", ""
    for _ in range(ROUNDS):
        node = await stack.ingest(**({"INGEST_HTTP_PORT": port} if port else {}))
        if not port:
            url, port = node.url, node.url.rpartition(":")[2]
        async with asyncio.TaskGroup() as tasks:
            for _ in range(PUT_CLIENTS):
                tasks.create_task(seen.send(url, put(PUT_DOMAIN), PUT_DOMAIN))
            for _ in range(BULK_CLIENTS):
                tasks.create_task(seen.send(url, post(BULK), BULK_DOMAIN))
            tasks.create_task(seen.watch(stack, node))
            await asyncio.sleep(LOAD_SECONDS)
            assert await node.stop() == 0, node.log_text()

    assert (seen.unanswered, seen.refused) == (0, Counter())
    assert min(seen.accepted[PUT_DOMAIN], seen.accepted[BULK_DOMAIN] / LINES) > 10 * ROUNDS
    assert seen.not_ready > 0
    client = Client(stack.http, url, fleet.query[0].url)
    await client.wait_for_counts(PUT_DOMAIN, seen.accepted[PUT_DOMAIN], 0)
    await client.wait_for_counts(BULK_DOMAIN, seen.accepted[BULK_DOMAIN], 0)


async def test_a_stopping_node_reads_a_body_to_its_end(stack: Stack, fleet: Fleet) -> None:
    """After SIGTERM in mid-body the rest is read, answered by 202 and counted; then it ends."""
    node = await stack.ingest()
    client = Client(stack.http, node.url, "")
    request = post(b'{"domain": "half.example.com", "event": "bounced"}\n' * LINES)
    connection = await RawConnection.open(node.url)
    idle = await RawConnection.open(node.url)
    await connection.send(request[: len(request) // 2])
    # The answer on another connection shows that the node has read the earlier bytes.
    assert (await client.put("half.example.com", "delivered")).status == 202
    stopping = asyncio.create_task(node.stop())

    async def readiness() -> int:
        return (await client.request("GET", f"{node.management}/readyz")).status

    async def takes_nobody() -> bool:
        try:
            late = await RawConnection.open(node.url)
        except OSError:
            return True
        late.close()
        return False

    await until_equal(readiness, 503)
    await until(takes_nobody)
    assert await idle.rest() == b""
    assert not stopping.done()
    answer = await connection.ask(request[len(request) // 2 :])
    status = await stopping
    connection.close()
    idle.close()

    assert (answer.status, answer.closes, status) == (202, True, 0)
    client = Client(stack.http, "", fleet.query[0].url)
    await client.wait_for_counts("half.example.com", 1, LINES)
