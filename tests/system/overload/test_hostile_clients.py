"""Slow and silent clients: a node waits for each as long as its settings say, and no longer."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
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


@pytest.mark.parametrize(
    ("sent", "dripping"),
    [
        (b"", b""),
        (b"PUT /events/slow.exam", b""),
        (put("slow.example.com")[:-2], b""),
        (b"", put("slow.example.com", "delivered", b"", *["X-Slow: very"] * 9)),
    ],
    ids=["idle", "half a line", "half a head", "a byte at a time"],
)
async def test_an_incomplete_request_ends_its_connection(
    nodes: Nodes, sent: bytes, dripping: bytes
) -> None:
    """Silence, part of a head, and a head byte by byte all end at the idle limit."""
    connection = await RawConnection.open(nodes.impatient.url)
    began = time.monotonic()
    await connection.send(sent)
    dripped = asyncio.create_task(drip(connection, dripping))
    assert await connection.rest(IDLE_SECONDS + SLACK_SECONDS) == b""
    waited = time.monotonic() - began
    dripped.cancel()
    connection.close()

    assert waited > IDLE_SECONDS * 0.9
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


@pytest.mark.parametrize("dripping", [b"", BODY], ids=["never", "a byte at a time"])
@pytest.mark.parametrize(
    "head",
    [
        post(BODY)[: -len(BODY)],
        put("bodyless.example.com", "delivered", b"", f"Content-Length: {len(BODY)}"),
        put("bodyless.example.com", "delivered", b"", "Transfer-Encoding: chunked"),
    ],
    ids=["POST", "PUT", "chunked"],
)
async def test_a_missing_or_slow_body_is_408(nodes: Nodes, head: bytes, dripping: bytes) -> None:
    """The whole body has one time limit, however slowly it arrives; nothing is counted."""
    connection = await RawConnection.open(nodes.impatient.url)
    await connection.send(head)
    # If the body is chunked: a chunk of 15 bytes that never ends.
    dripped = asyncio.create_task(drip(connection, b"f\r\n" + dripping if dripping else b""))
    answer = await connection.answer(BODY_SECONDS + SLACK_SECONDS)
    assert (answer.status, answer.code, answer.closes) == (408, "body_too_slow", True)
    assert await connection.rest() == b""
    dripped.cancel()
    connection.close()

    assert await nodes.client(nodes.impatient).counts("bodyless.example.com") == (0, 0)


async def test_an_old_connection_ends_with_an_answer_and_loses_no_request(nodes: Nodes) -> None:
    """After its age limit, which differs between connections, an answer closes it."""
    domain = "aged.example.com"

    async def use_until_told() -> tuple[float, int]:
        connection = await RawConnection.open(nodes.restless.url)
        began = time.monotonic()
        requests = 1
        while not (answer := await connection.ask(put(domain))).closes:
            assert answer.status == 202
            requests += 1
        assert answer.status == 202
        lived = time.monotonic() - began
        assert await connection.rest(SLACK_SECONDS) == b""
        connection.close()
        return lived, requests

    used = await asyncio.gather(*(use_until_told() for _ in range(20)))
    lives = [lived for lived, _ in used]

    assert min(lives) > CONNECTION_SECONDS * (1 - JITTER) * 0.9
    assert max(lives) < CONNECTION_SECONDS * (1 + JITTER) + SLACK_SECONDS
    assert max(lives) - min(lives) > CONNECTION_SECONDS * JITTER / 4, "they all end at one time"
    total = sum(requests for _, requests in used)
    await nodes.client(nodes.restless).wait_for_counts(domain, total, 0)
