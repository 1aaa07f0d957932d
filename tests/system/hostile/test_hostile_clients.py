"""Slow and silent clients: a node waits for each as long as its settings say, and no longer."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio

from tests.clients.client import Client
from tests.clients.raw_client import RawConnection, post, put
from tests.tiers.stack import Stack, TierProcess

IDLE_SECONDS = 1.0
BODY_SECONDS = 1.0
CONNECTION_SECONDS = 1.5
JITTER = 0.2
DRIP_SECONDS = 0.1
SLACK_SECONDS = 4.0
"""The delay of a busy machine; without the limit the wait would be far longer."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """Two ingest nodes with different short limits, and a query node."""

    stack: Stack
    query: str
    impatient: TierProcess
    restless: TierProcess

    def client(self, node: TierProcess) -> Client:
        """Return a well-behaved client of *node*."""
        return Client(self.stack.http, node.url, self.query)


@pytest_asyncio.fixture(scope="module")
async def nodes(stack: Stack) -> AsyncIterator[Nodes]:
    """One that ends idle connections soon, and one that ends every connection soon."""
    async with stack.guests():
        impatient, restless = await asyncio.gather(
            stack.ingest(
                INGEST_IDLE_SECONDS=str(IDLE_SECONDS), INGEST_BODY_SECONDS=str(BODY_SECONDS)
            ),
            stack.ingest(INGEST_CONNECTION_SECONDS=str(CONNECTION_SECONDS)),
        )
        yield Nodes(stack, stack.started[2].url, impatient, restless)


async def drip(connection: RawConnection, data: bytes) -> None:
    """Send *data* byte by byte until its end or until the connection ends."""
    try:
        for byte in data:
            await connection.send(bytes([byte]))
            await asyncio.sleep(DRIP_SECONDS)
    except ConnectionError:
        return


INCOMPLETE = {
    "idle": (b"", b""),
    "half a line": (b"PUT /events/slow.exam", b""),
    "half a head": (put("slow.example.com")[:-2], b""),
    "a byte at a time": (b"", put("slow.example.com", "delivered", b"", *["X-Slow: very"] * 9)),
}
"""Sent at once, and sent byte by byte."""


async def test_an_incomplete_request_ends_its_connection(nodes: Nodes) -> None:
    """Silence, part of a head, and a head byte by byte all end at the idle limit."""

    async def wait(name: str) -> None:
        sent, dripping = INCOMPLETE[name]
        connection = await RawConnection.open(nodes.impatient.url)
        began = time.monotonic()
        await connection.send(sent)
        dripped = asyncio.create_task(drip(connection, dripping))
        assert await connection.rest(IDLE_SECONDS + SLACK_SECONDS) == b"", name
        waited = time.monotonic() - began
        dripped.cancel()
        connection.close()
        assert waited > IDLE_SECONDS * 0.9, name

    await asyncio.gather(*map(wait, INCOMPLETE))
    assert await nodes.client(nodes.impatient).counts("slow.example.com") == (0, 0)


async def test_an_idle_connection_ends_after_the_same_time(nodes: Nodes) -> None:
    """The idle limit after an answer is the same as before the first request."""
    connection = await RawConnection.open(nodes.impatient.url)
    assert (await connection.ask(put("kept.example.com"))).status == 202
    began = time.monotonic()
    assert await connection.rest(IDLE_SECONDS + SLACK_SECONDS) == b""
    assert time.monotonic() - began > IDLE_SECONDS * 0.9
    connection.close()


BODY = b'{"domain": "bodyless.example.com", "event": "delivered"}\n'


HEADS = (
    post(BODY)[: -len(BODY)],
    put("bodyless.example.com", "delivered", b"", f"Content-Length: {len(BODY)}"),
    put("bodyless.example.com", "delivered", b"", "Transfer-Encoding: chunked"),
)


async def test_a_missing_or_slow_body_is_408(nodes: Nodes) -> None:
    """The whole body has one time limit, however slowly it arrives; nothing is counted."""

    async def send(head: bytes, dripping: bytes) -> None:
        connection = await RawConnection.open(nodes.impatient.url)
        await connection.send(head)
        dripped = asyncio.create_task(drip(connection, dripping))
        answer = await connection.answer(BODY_SECONDS + SLACK_SECONDS)
        assert (answer.status, answer.code, answer.closes) == (408, "body_too_slow", True), head
        # The node waits for the client to close, up to ten seconds.
        assert await connection.rest() == b"", head
        dripped.cancel()
        connection.close()

    # If the body is chunked, the bytes are a chunk of 15 bytes that never ends.
    bodies = (b"", b"f\r\n" + BODY)
    await asyncio.gather(*(send(head, body) for head in HEADS for body in bodies))
    assert await nodes.client(nodes.impatient).counts("bodyless.example.com") == (0, 0)


async def test_an_old_connection_ends_with_an_answer_and_loses_no_request(nodes: Nodes) -> None:
    """After its age limit, which differs between connections, an answer closes it."""
    domain = "aged.example.com"

    async def use_until_closed() -> tuple[float, int]:
        began = time.monotonic()
        connection = await RawConnection.open(nodes.restless.url)
        requests = 1
        while not (answer := await connection.ask(put(domain))).closes:
            assert answer.status == 202
            requests += 1
        assert answer.status == 202
        lived = time.monotonic() - began
        assert await connection.rest(SLACK_SECONDS) == b""
        connection.close()
        return lived, requests

    used = await asyncio.gather(*(use_until_closed() for _ in range(20)))
    lives = [lived for lived, _ in used]

    assert min(lives) > CONNECTION_SECONDS * (1 - JITTER) * 0.9
    assert max(lives) < CONNECTION_SECONDS * (1 + JITTER) + SLACK_SECONDS
    assert max(lives) - min(lives) > CONNECTION_SECONDS * JITTER / 4, "they all end at one time"
    total = sum(requests for _, requests in used)
    await nodes.client(nodes.restless).wait_for_counts(domain, total, 0)
