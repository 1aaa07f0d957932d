"""How the pump keeps connections busy."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.tools.bench.client.pump import Pump
from tests.tools.bench.client.pump_job import PumpJob
from tests.tools.bench.client.requests import Workload

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
CLOSING = b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
REQUESTS = [b"GET /%d HTTP/1.1\r\nHost: bench\r\n\r\n" % number for number in range(40)]

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve, connections: int, *, once: bool = True) -> AsyncIterator[Pump]:
    """Yield a pump for a server that runs *serve* for each connection."""
    handling: list[asyncio.Task[None]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handling.append(task)
        await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    job = PumpJob(
        workload=Workload.GET,
        connections=connections,
        host=host,
        port=port,
        seconds=20.0 if once else 0.2,
        once=once,
    )
    async with server:
        yield Pump(job, REQUESTS)
        await asyncio.gather(*handling)


async def test_once_sends_each_request_once() -> None:
    """All of them arrive, each once, and the pump stops by itself."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _read(reader):
            seen.append(head)
            writer.write(ACCEPTED)

    async with listening(serve, 4) as pump:
        await pump.run()
    assert sorted(seen) == sorted(REQUESTS)


async def test_one_request_is_in_flight_on_each_connection() -> None:
    """The next request leaves when the answer has arrived."""
    at_a_time = 0
    most = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal at_a_time, most
        while await _read(reader):
            at_a_time += 1
            most = max(most, at_a_time)
            await asyncio.sleep(0)
            at_a_time -= 1
            writer.write(ACCEPTED)

    async with listening(serve, 3) as pump:
        await pump.run()
    assert most <= 3


async def test_a_connection_that_the_server_closes_is_replaced() -> None:
    """``Connection: close`` loses nothing: a new connection carries the remaining requests."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await _read(reader)
        writer.write(CLOSING)

    async with listening(serve, 1) as pump:
        result = await pump.run()
    assert connections >= len(REQUESTS)
    assert result.lost == 0


async def test_a_request_without_an_answer_is_counted_as_lost() -> None:
    """The connection ends instead of an answer: this is never a good answer."""
    answered = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        await _read(reader)
        if answered < 10:
            answered += 1
            writer.write(CLOSING)

    async with listening(serve, 1) as pump:
        result = await pump.run()
    assert result.good <= 10
    assert result.lost == len(REQUESTS) - 10
    assert result.refused >= result.lost


async def test_refusals_are_not_good_answers() -> None:
    """They are counted by status, and their events are not counted."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await _read(reader):
            writer.write(FULL)

    async with listening(serve, 2, once=False) as pump:
        result = await pump.run()
    assert result.statuses.keys() == {503}
    assert result.good == result.events == 0
    assert result.refused == result.statuses[503] > 0


async def test_a_bulk_answer_counts_its_accepted_events() -> None:
    """Not one event for each request."""
    body = b'{"accepted": 3, "rejected": []}'

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await _read(reader):
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async with listening(serve, 2) as pump:
        result = await pump.run()
    assert (result.good, result.events) == (len(REQUESTS), 3 * len(REQUESTS))


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Return the next request, b"" at the end."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
