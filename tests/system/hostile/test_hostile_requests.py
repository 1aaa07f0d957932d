"""Malformed and abusive requests: none is counted twice, misread, or costly."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass

import psutil
import pytest
import pytest_asyncio

from tests.clients.client import Client
from tests.clients.raw_client import RawConnection, post, put
from tests.tiers.stack import Stack, TierProcess
from tests.waiting import until_equal

MIB = 1024 * 1024
MAX_BODY = 4096
PIPELINED = 64
SMUGGLED = "smuggled.example.com"


@dataclass(frozen=True, slots=True)
class Target:
    """An ingest node and a well-behaved client."""

    node: TierProcess
    client: Client
    label: str

    def domain(self, name: str) -> str:
        """Return a domain that only this node gets events of."""
        return f"{name}.{self.label}.example.com"

    async def connect(self) -> RawConnection:
        """Open a connection to the node."""
        return await RawConnection.open(self.node.url)


@pytest_asyncio.fixture(scope="module")
async def nodes(stack: Stack) -> AsyncIterator[dict[str, TierProcess]]:
    """The shared ingest node, and one without the fast lane."""
    async with stack.guests():
        yield {"fast": stack.started[0], "slow": await stack.ingest(INGEST_FAST_LANE="false")}


@pytest.fixture(params=["fast", "slow"])
def target(stack: Stack, nodes: dict[str, TierProcess], request: pytest.FixtureRequest) -> Target:
    """Each of the nodes: the lane changes nothing but speed."""
    node = nodes[request.param]
    client = Client(stack.http, node.url, stack.started[2].url)
    return Target(node, client, request.param)


async def test_pipelined_requests_are_answered_in_order_and_counted_once(target: Target) -> None:
    """Requests sent at once, invalid ones among them, are answered in the order of sending."""
    kinds = ("delivered", "bounced")
    domain = target.domain("piped")
    good = [put(domain, kinds[number % 2]) for number in range(PIPELINED)]
    bad = put("localhost")
    connection = await target.connect()
    await connection.send(b"".join(request + bad for request in good))
    answers = [await connection.answer() for _ in range(2 * PIPELINED)]
    connection.close()

    assert [answer.status for answer in answers] == [202, 400] * PIPELINED
    await target.client.wait_for_counts(domain, PIPELINED // 2, PIPELINED // 2)


async def test_a_node_stops_reading_from_a_client_that_reads_no_answers(target: Target) -> None:
    """The node stops reading while its answers are not read: memory stays, other clients go on."""
    process = psutil.Process(target.node.running.pid)
    before = process.memory_info().rss
    connection = await target.connect()
    connection.stop_reading()
    requests = put("unread.example.com") * 5_000

    async def send_for_ever() -> None:
        while True:
            await connection.send(requests)

    sending = asyncio.create_task(send_for_ever())
    # Enough time to send a hundred times the size of the kernel's buffers.
    assert await asyncio.wait({sending}, timeout=5) == (set(), {sending})
    sending.cancel()
    grown = process.memory_info().rss - before
    assert (await target.client.put(target.domain("beside"), "delivered")).status == 202
    connection.reset()

    assert grown < 48 * MIB
    await target.client.wait_for_counts(target.domain("beside"), 1, 0)


def chunked(body: bytes, size: int) -> bytes:
    """Return *body* in chunks of *size* bytes."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.parametrize("size", [1, MAX_BODY, MAX_BODY + 1, 3 * MAX_BODY])
async def test_the_body_of_a_put_is_never_read_as_a_request(
    target: Target, size: int, framing: str
) -> None:
    """Up to 4 KiB the node skips it and reads the next request; beyond, it reads nothing more."""
    domain = target.domain(f"{framing}-{size}")
    # The body consists of requests.
    body = (put(SMUGGLED) * (size // 40 + 1))[:size]
    if framing == "length":
        sent = put(domain, "delivered", body, f"Content-Length: {size}")
    else:
        sent = put(domain, "delivered", chunked(body, 1000), "Transfer-Encoding: chunked")
    connection = await target.connect()
    await connection.send(sent + put(domain, "bounced"))
    first = await connection.answer()
    if size <= MAX_BODY:
        assert (first.status, (await connection.answer()).status) == (202, 202)
        await target.client.wait_for_counts(domain, 1, 1)
    else:
        assert (first.status, first.code, first.closes) == (413, "body_too_large", True)
        assert await connection.rest() == b""
        assert await target.client.counts(domain) == (0, 0)
    connection.close()
    assert await target.client.counts(SMUGGLED) == (0, 0)


async def test_a_too_large_content_length_is_refused_before_the_body(target: Target) -> None:
    """413 comes before the first byte of the body."""
    connection = await target.connect()
    answer = await connection.ask(
        put("huge.example.com", "delivered", b"", "Content-Length: 999999999")
    )
    assert (answer.status, answer.code, answer.closes) == (413, "body_too_large", True)
    assert await connection.rest() == b""
    connection.close()
    assert await target.client.counts("huge.example.com") == (0, 0)


async def test_gzip_bombs_are_refused_in_little_memory(target: Target) -> None:
    """Bodies that inflate to 200 MiB, in one gzip member or many, take little memory."""
    zeros = gzip.compress(bytes(200 * MIB))
    members = gzip.compress(bytes(MIB // 32)) * 60
    process = psutil.Process(target.node.running.pid)
    before = process.memory_info().rss

    async def explode(bomb: bytes) -> None:
        connection = await target.connect()
        answer = await connection.ask(post(bomb, "Content-Encoding: gzip"))
        assert (answer.status, answer.code) == (413, "body_too_large")
        connection.close()

    for _ in range(3):
        await asyncio.gather(*(explode(bomb) for bomb in [zeros, members] * 5))
    assert process.memory_info().rss - before < 48 * MIB


@pytest.mark.parametrize("end", ["reset", "close"])
async def test_a_client_that_hangs_up_does_not_affect_others(target: Target, end: str) -> None:
    """The others are answered; events of a client that hung up count once at most."""
    domain = target.domain(f"{end}-hangup")
    rounds, each = 5, 20
    for _ in range(rounds):
        staying = [await target.connect() for _ in range(each)]
        leaving = [await target.connect() for _ in range(each)]
        for stays, leaves in zip(staying, leaving, strict=True):
            await stays.send(put(domain))
            await leaves.send(put(domain, "bounced"))
            getattr(leaves, end)()
        for connection in staying:
            assert (await connection.answer()).status == 202
            connection.close()
    # It follows all others in its partition: once it is counted, so are they.
    await target.client.report(domain, "delivered")

    async def delivered() -> int:
        return (await target.client.counts(domain))[0]

    await until_equal(delivered, rounds * each + 1)
    _, bounced = await target.client.counts(domain)

    assert 0 <= bounced <= rounds * each


async def test_events_of_a_half_closed_connection_count_once_at_most(target: Target) -> None:
    """A half-closed connection ends, with or without an answer."""
    domain = target.domain("half")
    connections = [await target.connect() for _ in range(20)]
    for connection in connections:
        await connection.send(put(domain))
        connection.finish_sending()
    answered = [await connection.rest() for connection in connections]
    accepted = sum(answer.startswith(b"HTTP/1.1 202 ") for answer in answered)
    assert all(answer == b"" or answer.startswith(b"HTTP/1.1 202 ") for answer in answered)
    await target.client.report(domain, "bounced")

    async def bounced() -> int:
        return (await target.client.counts(domain))[1]

    await until_equal(bounced, 1)
    for connection in connections:
        connection.close()
    delivered, _ = await target.client.counts(domain)

    assert accepted <= delivered <= len(connections)


HOST = "Host: test"
LENGTH = "Content-Length: 4"
CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    "lines",
    [
        [HOST, LENGTH, CHUNKED],
        [HOST, CHUNKED, LENGTH],
        [HOST, LENGTH, "Content-Length: 5"],
        [HOST, "Content-Length: +4"],
        [HOST, "Content-Length: 4, 4"],
        [HOST, "Content-Length: 0x4"],
        [HOST, "Content-Length: -1"],
        [HOST, "Transfer-Encoding: xchunked"],
        [HOST, "Transfer-Encoding: chunked, identity"],
        [HOST, "Transfer-Encoding : chunked"],
        [HOST, "Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        [HOST, HOST],
        [HOST, "Host: other"],
        [HOST, "X-Folded: a", " b"],
        [HOST, "X-Null: a\0b"],
        [HOST, "no colon"],
        [HOST, ": no name"],
        [],
    ],
    ids=lambda lines: "; ".join(lines) or "no Host",
)
async def test_an_ambiguous_request_is_refused(target: Target, lines: list[str]) -> None:
    """A request that servers could frame differently is 400, and nothing after it is read."""
    head = "\r\n".join(["PUT /events/framed.example.com/delivered HTTP/1.1", *lines, "", ""])
    await refused(target, head.encode() + b"0\r\n\r\n")


@pytest.mark.parametrize("end", [b"\n", b"\r"])
async def test_a_header_line_ends_with_carriage_return_and_line_feed(
    target: Target, end: bytes
) -> None:
    """A bare line feed or carriage return does not end a header line."""
    await refused(target, put("framed.example.com").replace(b"\r\n", end))
    await refused(target, put("framed.example.com").replace(b"\r\n", end, 1))


async def refused(target: Target, sent: bytes) -> None:
    """Assert that *sent* gets 400, that its connection ends, and that nothing is counted."""
    connection = await target.connect()
    await connection.send(sent + put(SMUGGLED))
    answer = await connection.answer()
    assert (answer.status, answer.code, answer.closes) == (400, "malformed_request", True)
    assert await connection.rest() == b""
    connection.close()
    assert await target.client.counts("framed.example.com") == (0, 0)
    assert await target.client.counts(SMUGGLED) == (0, 0)
