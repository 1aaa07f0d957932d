"""Connections of the driver in our event loop, to a server that answers as Cassandra does."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from cassandra import ConsistencyLevel, OperationTimedOut
from cassandra.connection import ConnectionBusy, ConnectionShutdown, DefaultEndPoint
from cassandra.protocol import QueryMessage

from shared.cassandra.loop_connection import LoopConnection

_LIMIT_SECONDS = 20.0
_READ_SECONDS = 0.05
"""Until the server has read a request: closing before that resets the connection."""
_HEADER_BYTES = 9
"""CQL v4: version, flags, stream (2 bytes), operation, length (4 bytes)."""
_STARTUP, _OPTIONS, _QUERY = 1, 5, 7
_SUPPORTED = b"\0\2\0\x0bCQL_VERSION\0\1\0\x053.0.0\0\x0bCOMPRESSION\0\0"
_ANSWERS = {_STARTUP: (2, b""), _OPTIONS: (6, _SUPPORTED), _QUERY: (8, b"\0\0\0\1")}
"""Operation and body: READY, SUPPORTED, a RESULT without rows."""


class _Server:
    """``reads`` is cleared to leave requests in the socket; ``close`` ends all connections."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.reads.set()
        self._writers: list[asyncio.StreamWriter] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                header = await reader.readexactly(_HEADER_BYTES)
                await reader.readexactly(int.from_bytes(header[5:]))
                operation, body = _ANSWERS[header[4]]
                head = b"\x84\0" + header[2:4] + bytes([operation])
                writer.write(head + len(body).to_bytes(4) + body)
                await self.reads.wait()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


@asynccontextmanager
async def _connected() -> AsyncIterator[tuple[_Server, Any]]:
    answers = _Server()
    async with await asyncio.start_server(answers.answer, "127.0.0.1", limit=2**10) as server:
        address = DefaultEndPoint(*server.sockets[0].getsockname())
        connection = await asyncio.to_thread(
            LoopConnection.in_running_loop().factory, address, 5.0, protocol_version=4
        )
        try:
            yield answers, connection
        finally:
            connection.close()
            answers.close()


def _send(connection: Any, query: str = "x") -> asyncio.Future[Any]:
    answered = asyncio.get_running_loop().create_future()
    message = QueryMessage(query, ConsistencyLevel.ONE)
    connection.send_msg(message, connection.get_request_id(), answered.set_result)
    return answered


async def test_a_busy_event_loop_has_its_answers() -> None:
    """The driver's own thread hardly gets the interpreter from steps of this length."""
    async with _connected() as (_, connection):
        answered = asyncio.Event()

        async def work() -> None:
            while not answered.is_set():
                until = time.perf_counter() + 0.001
                while time.perf_counter() < until:
                    pass
                await asyncio.sleep(0)

        working = asyncio.create_task(work())
        async with asyncio.timeout(_LIMIT_SECONDS):
            for _ in range(20):
                await _send(connection)
        answered.set()
        await working


async def test_requests_fail_when_the_node_closes_the_connection() -> None:
    """Else they wait for their timeouts, and their writes are in doubt for that long."""
    async with _connected() as (server, connection), asyncio.timeout(_LIMIT_SECONDS):
        server.reads.clear()
        await _send(connection)
        unanswered = _send(connection)
        await asyncio.sleep(_READ_SECONDS)
        server.close()
        assert isinstance(await unanswered, ConnectionShutdown)
        assert connection.is_closed


async def test_a_node_that_does_not_read_gets_no_more_requests() -> None:
    """Its pool asks another node; what waits here stays bounded."""
    async with _connected() as (server, connection), asyncio.timeout(_LIMIT_SECONDS):
        server.reads.clear()
        await _send(connection)
        waiting: list[asyncio.Future[Any]] = []
        with pytest.raises(ConnectionBusy):
            waiting.extend(_send(connection, "x" * 2**16) for _ in range(1000))
        server.reads.set()
        await asyncio.gather(*waiting)
        await _send(connection)


@pytest.mark.parametrize("context", [None, ssl.create_default_context()])
async def test_a_node_that_accepts_but_never_answers_is_given_up(
    context: ssl.SSLContext | None,
) -> None:
    """Else a thread of the driver would wait for it for ever."""
    silent = asyncio.Event()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1") as server:
        address = DefaultEndPoint(*server.sockets[0].getsockname())
        factory = partial(LoopConnection.in_running_loop().factory, ssl_context=context)
        try:
            with pytest.raises((OperationTimedOut, TimeoutError)):
                async with asyncio.timeout(_LIMIT_SECONDS) as limit:
                    await asyncio.to_thread(factory, address, 0.2)
            assert not limit.expired()
        finally:
            silent.set()


def _here(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


def _in_a_thread(function: Callable[..., Any], *args: Any) -> Any:
    """Call *function* in another thread while the event loop waits."""
    with ThreadPoolExecutor() as threads:
        return threads.submit(function, *args).result()


@pytest.mark.parametrize("start", [_here, _in_a_thread])
@pytest.mark.parametrize("cancel", [_here, _in_a_thread])
async def test_any_thread_starts_and_cancels_a_timer(
    start: Callable[..., Any], cancel: Callable[..., Any]
) -> None:
    """The driver starts one for each request, and cancels it with the answer."""
    connections, rang = LoopConnection.in_running_loop(), asyncio.Event()
    timer = start(connections.create_timer, 0.02, rang.set)
    cancel(timer.cancel)
    await asyncio.sleep(0.05)
    assert not rang.is_set()
    start(connections.create_timer, 0.0, rang.set)
    async with asyncio.timeout(_LIMIT_SECONDS):
        await rang.wait()
