"""Sending on schedule, over connections that behave well and over others."""

import asyncio
import socket
from array import array
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter

import pytest

from tests.contract.harness.scripted_node import ACCEPTED, Exchange, refusal, scripted_server
from tests.tools.load.client.node import Node, node_at
from tests.tools.load.measurement.latency import Stopwatch
from tests.tools.load.sending.agenda import Agenda
from tests.tools.load.sending.book import Book
from tests.tools.load.sending.sender import RECONNECT_SECONDS, Sender
from tests.tools.load.streams.schedule import Shipment, Way
from tests.tools.load.streams.waves_stream import WavesStream
from tests.tools.load.verification.ledger import Bounds, Ledger

BULK_ACCEPTED = b'{"accepted":4,"rejected":[]}'


def puts(count: int, due: float = 0.0) -> list[Shipment]:
    """Return PUTs of a domain each, all due at once."""
    return [Shipment(due, Way.PUT, array("I", [2 * number])) for number in range(count)]


BULK = Shipment(0.0, Way.BULK, array("I", [0, 2, 4, 6]))


@dataclass
class Run:
    """The outcomes of a run."""

    ledger: Ledger = field(default_factory=Ledger)
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    latencies: Stopwatch = field(default_factory=Stopwatch)
    breaches: list[str] = field(default_factory=list)
    seconds: float = 0.0


async def send(
    shipments: list[Shipment],
    *nodes: Node,
    connections: int = 1,
    timeout_seconds: float = 5.0,
    closed_loop: bool = False,
    duration_seconds: float = 60.0,
) -> Run:
    """Send *shipments* and return the outcomes."""
    run, stream = Run(), WavesStream(3)
    stream.name(100)
    began = perf_counter()
    book = Book(run.ledger, began)
    sender = Sender(
        stream,
        book,
        nodes=nodes,
        connections=connections,
        timeout_seconds=timeout_seconds,
    )
    agenda = Agenda(
        iter(shipments), began, closed_loop=closed_loop, duration_seconds=duration_seconds
    )
    run.seconds = await sender.run(agenda) - began
    for second in book.drain():
        run.accepted += second.accepted
        run.refused.update(second.refused_by)
        run.unanswered.update(second.unanswered_by)
        for buckets in second.latencies.values():
            run.latencies.add(buckets)
    run.breaches = book.breaches
    return run


async def accept(exchange: Exchange) -> None:
    """Answer in one piece."""
    await exchange.send(ACCEPTED)


async def test_every_shipment_is_sent_and_recorded_once() -> None:
    """The connections share one schedule and are kept alive."""
    async with scripted_server(accept) as server:
        run = await send(puts(50), server.node, connections=4)
    assert (run.accepted, server.connections) == (50, 4)
    assert len(set(server.requests)) == len(server.requests) == 50
    assert all(run.ledger.expected(n).delivered == Bounds(1, 1) for n in range(50))
    name = WavesStream(3).name(7)
    assert f"PUT /events/{name}/delivered HTTP/1.1".encode() in server.requests


async def test_a_bulk_request_carries_its_lines() -> None:
    """One request, a line per event, and one outcome for all if no line is named."""

    async def answer(exchange: Exchange) -> None:
        assert b"Content-Type: application/x-ndjson" in exchange.head
        await exchange.send(b"HTTP/1.1 202 A\r\nContent-Length: 28\r\n\r\n" + BULK_ACCEPTED)

    async with scripted_server(answer) as server:
        run = await send([BULK], server.node)
    assert run.accepted == 4
    stream = WavesStream(3)
    stream.name(100)
    assert server.bodies == [stream.lines(BULK.codes)]


async def test_nodes_share_the_connections() -> None:
    """Every node has its share."""
    async with scripted_server(accept) as one, scripted_server(accept) as other:
        await send(puts(20), one.node, other.node, connections=4)
    assert (one.connections, other.connections) == (2, 2)


@pytest.mark.parametrize("size", [1, 7, 30])
async def test_an_answer_may_come_in_pieces(size: int) -> None:
    """Wherever it is cut, it is one answer, and the next one is parsed, too."""

    async def answer(exchange: Exchange) -> None:
        whole = b"HTTP/1.1 202 A\r\nContent-Length: 28\r\nX: y\r\n\r\n" + BULK_ACCEPTED
        await exchange.send(*(whole[i : i + size] for i in range(0, len(whole), size)))

    async with scripted_server(answer) as server:
        run = await send([BULK, BULK], server.node)
    assert (run.accepted, run.breaches, server.connections) == (8, [], 1)


async def test_a_provisional_answer_is_not_the_answer() -> None:
    """100 Continue and early hints are skipped."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n", ACCEPTED)

    async with scripted_server(answer) as server:
        run = await send(puts(3), server.node)
    assert (run.accepted, run.breaches) == (3, [])


async def test_two_answers_to_one_request_prove_nothing_of_the_next() -> None:
    """The second is a breach; it must not count as the answer to the next request."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(ACCEPTED + ACCEPTED)

    async with scripted_server(answer) as server:
        run = await send(puts(3), server.node)
    assert run.accepted == 3
    assert server.connections == 3
    assert run.breaches == ["more than one answer to a request"] * 3


async def test_an_answer_without_a_request_is_a_breach() -> None:
    """Late bytes on an idle connection end it."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(ACCEPTED, ACCEPTED)

    async with scripted_server(answer) as server:
        run = await send([*puts(1), *puts(1, due=0.2)], server.node)
    assert (run.accepted, server.connections) == (2, 2)
    assert run.breaches[0] == "an answer to no request: status 202"


@pytest.mark.parametrize("piece", [b"", ACCEPTED[:20], ACCEPTED[:-3]])
async def test_a_connection_that_ends_early_leaves_the_outcome_open(piece: bytes) -> None:
    """The event may be counted or not, and it is never sent again."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(piece)
        exchange.writer.close()

    async with scripted_server(answer) as server:
        run = await send(puts(3), server.node)
    assert run.unanswered == {"no_answer": 3}
    assert len(server.requests) == 3
    assert run.ledger.expected(0).delivered == Bounds(0, 1)


async def test_bytes_that_are_not_http_are_a_breach() -> None:
    """It leaves the event unanswered."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(b"SSH-2.0-OpenSSH_9.2\r\n")

    async with scripted_server(answer) as server:
        run = await send(puts(1), server.node)
    assert run.unanswered == {"answer_outside_contract": 1}
    assert "not HTTP" in run.breaches[0]


async def test_after_connection_close_another_connection_is_opened() -> None:
    """The answer stands, and nothing is written to a connection that is about to end."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 202 A\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

    async with scripted_server(answer) as server:
        run = await send(puts(5), server.node)
    assert (run.accepted, server.connections) == (5, 5)
    assert not run.unanswered


async def test_a_full_node_keeps_its_connection() -> None:
    """503 with Retry-After is a refusal with a code; the schedule goes on."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(refusal("node_full", 503, "Retry-After: 1"))

    async with scripted_server(answer) as server:
        run = await send(puts(5), server.node)
    assert (run.refused, server.connections) == ({"node_full": 5}, 1)
    assert run.ledger.expected(0).delivered == Bounds(0, 0)


async def test_a_node_with_too_many_connections_gets_a_pause() -> None:
    """503 with Connection: close is followed by a pause before the next connection."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(refusal("too_many_connections", 503, "Connection: close"))
        exchange.writer.close()

    async with scripted_server(answer) as server:
        run = await send(puts(3), server.node)
    assert run.refused == {"too_many_connections": 3}
    assert run.seconds >= 2 * RECONNECT_SECONDS


async def test_a_request_that_waits_too_long_is_given_up() -> None:
    """Its connection is not reused: the answer may still arrive."""
    answered = 0
    given_up = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        nonlocal answered
        answered += 1
        if answered == 1:
            await given_up.wait()
        await exchange.send(ACCEPTED)

    async with scripted_server(answer) as server:
        run = await send(puts(2), server.node, timeout_seconds=0.3)
        given_up.set()
    assert (run.accepted, run.unanswered) == (1, {"timeout": 1})
    assert server.connections == 2
    assert not run.breaches


async def test_a_refused_connection_sends_nothing() -> None:
    """The event is certainly refused; the node gets a pause before the next attempt."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        node = node_at(f"http://127.0.0.1:{bound.getsockname()[1]}")
        run = await send(puts(2), node)
    assert run.refused == {"no_connection": 2}
    assert run.seconds >= RECONNECT_SECONDS


async def slow(exchange: Exchange) -> None:
    """Take 100 ms for an answer."""
    await asyncio.sleep(0.1)
    await exchange.send(ACCEPTED)


async def test_latency_is_measured_from_the_scheduled_time() -> None:
    """The latency of a shipment includes its wait for a connection."""
    async with scripted_server(slow) as server:
        run = await send(puts(4), server.node)
    assert run.latencies.read().max_ms >= 400
    assert run.latencies.percentiles_ms([0.0])[0] >= 100


async def test_in_a_closed_loop_latency_is_measured_from_sending() -> None:
    """The answers set the pace, so no request is late; only time ends the run."""
    async with scripted_server(slow) as server:
        run = await send(puts(50), server.node, closed_loop=True, duration_seconds=0.35)
    assert 1 <= run.accepted <= 4
    assert run.latencies.percentiles_ms([0.0])[0] >= 100
    assert run.latencies.read().p50_ms < 300


async def test_nothing_leaves_before_it_is_due() -> None:
    """The schedule is kept in both directions."""
    shipments = [shipment for n in range(5) for shipment in puts(1, due=n * 0.05)]
    async with scripted_server(accept) as server:
        run = await send(shipments, server.node, connections=2)
    assert run.accepted == 5
    assert run.seconds >= 0.2


@pytest.mark.parametrize("url", ["https://a:1", "a:1", "http://", "http://a:1/path"])
def test_a_node_is_an_address_of_plain_http(url: str) -> None:
    """Anything else is refused before the run."""
    with pytest.raises(ValueError, match="http://host:port"):
        node_at(url)
