"""Send on schedule, whatever the server does (an open loop), or without a rate (a closed loop)."""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from time import perf_counter

from tests.tools.load.client.connection import Answer, Connection
from tests.tools.load.client.node import Node
from tests.tools.load.sending.agenda import Agenda
from tests.tools.load.sending.answers import (
    NO_ANSWER,
    NOT_SENT,
    OUTSIDE_CONTRACT,
    TIMED_OUT,
    Reply,
    read_bulk,
    read_put,
)
from tests.tools.load.sending.book import Book
from tests.tools.load.streams.schedule import Shipment, Way
from tests.tools.load.streams.stream import Stream

RECONNECT_SECONDS = 0.2
CONNECT_SECONDS = 3.0
IDLE_SECONDS = 20.0
"""A connection that was idle for so long is replaced: the node may close it at the moment of
writing, and that request would stay unanswered."""
_SWEEP_SECONDS = 0.1
_UNAVAILABLE = 503


class Sender:
    """A number of connections that share one schedule.

    Each has one request in flight. If all of them wait for the server, the schedule continues, and
    the latency of a late request is measured from its due time. In a closed loop every request is
    due when a connection is free.
    """

    def __init__(
        self,
        stream: Stream,
        book: Book,
        *,
        nodes: Sequence[Node],
        connections: int,
        timeout_seconds: float,
        first_node: int = 0,
    ) -> None:
        self._stream = stream
        self._book = book
        self._timeout = timeout_seconds
        self.known_answers: dict[bytes, Answer] = {}
        self._free = deque(
            Connection[Shipment](nodes[(first_node + index) % len(nodes)], self)
            for index in range(connections)
        )
        self._busy: set[Connection[Shipment]] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def in_flight(self) -> int:
        """The number of requests in flight."""
        return len(self._busy)

    async def run(self, agenda: Agenda) -> float:
        """Send everything; return when the last outcome was known."""
        self._loop = asyncio.get_running_loop()
        self._done = self._loop.create_future()
        self._agenda = agenda
        try:
            async with asyncio.TaskGroup() as self._tasks:
                sweeper = self._tasks.create_task(self._sweep())
                self._pump()
                await self._done
                sweeper.cancel()
        finally:
            self._shut()
        return perf_counter()

    def _pump(self) -> None:
        """Send all due shipments on free connections; schedule the next call."""
        self._timer = None
        while self._free:
            now = perf_counter()
            if (due := self._agenda.due(now)) is None:
                break
            connection = self._free.popleft()
            if connection.closed or now - connection.used_at > IDLE_SECONDS:
                connection = self._replace(connection)
            self._load(connection, due)
        if self._agenda.over:
            self._finish_if_idle()
        elif self._free:
            # uvloop rounds to milliseconds: round up, and check again, since a request must not
            # leave early.
            early = self._agenda.seconds_until_due(perf_counter())
            self._timer = self._loop.call_later(math.ceil(early * 1_000) / 1_000, self._pump)

    def _load(self, connection: Connection[Shipment], due: float) -> None:
        """Give the next shipment to *connection*, which sends it as soon as it is open."""
        shipment = self._agenda.take()
        connection.request, connection.due = shipment, due
        self._busy.add(connection)
        if connection.transport is None:
            self._tasks.create_task(self._connect(connection))
        else:
            self._write(connection, connection.transport, shipment)

    def _write(
        self, connection: Connection[Shipment], transport: asyncio.Transport, shipment: Shipment
    ) -> None:
        node, codes = connection.node, shipment.codes
        if shipment.way is Way.PUT:
            request = node.put(self._stream.path(codes[0]))
        else:
            request = node.post(self._stream.lines(codes))
        connection.used_at = now = perf_counter()
        transport.write(request)
        self._book.leave(shipment, connection.due, now)

    async def _connect(self, connection: Connection[Shipment]) -> None:
        node = connection.node
        try:
            async with asyncio.timeout(min(CONNECT_SECONDS, self._timeout)):
                await self._loop.create_connection(lambda: connection, node.host, node.port)
        except OSError:
            if connection.transport is None:
                self._not_sent(connection)

    def opened(self, connection: Connection[Shipment]) -> None:
        """Send the shipment that waited for the connection."""
        if connection.request is not None and connection.transport is not None:
            self._write(connection, connection.transport, connection.request)

    def answered(self, connection: Connection[Shipment], answer: Answer) -> None:
        """Record the answer and send the next due shipment."""
        shipment, now = self._take(connection), perf_counter()
        status, body = answer.status, answer.body
        if shipment.way is Way.BULK:
            reply = read_bulk(status, body, len(shipment.codes))
        else:
            reply = read_put(status, body)
        if reply.accepts_all:
            self._book.accept(shipment, connection.due, now)
        else:
            self._book.settle(shipment, reply, connection.due, now)
        connection.used_at = now
        if connection.closed and status == _UNAVAILABLE:
            # A node that wants no more connections gets a pause first.
            self._loop.call_later(RECONNECT_SECONDS, self._release, connection)
        else:
            self._release(connection)

    def lost(self, connection: Connection[Shipment]) -> None:
        """Record that the node may or may not have executed the request."""
        self._give_up(connection, Reply(NO_ANSWER))

    def breached(self, connection: Connection[Shipment], how: str) -> None:
        """Record that the connection received something other than one answer."""
        if connection.request is None or not connection.closed:
            self._book.breach(how)
        else:
            self._give_up(connection, Reply(OUTSIDE_CONTRACT, breach=how))

    def _not_sent(self, connection: Connection[Shipment]) -> None:
        shipment, now = self._take(connection), perf_counter()
        self._book.leave(shipment, connection.due, now)
        self._book.settle(shipment, Reply(NOT_SENT), connection.due, now)
        connection.closed = True
        # A missing node must not consume the schedule: leave it to the other nodes.
        self._loop.call_later(RECONNECT_SECONDS, self._release, connection)

    def _give_up(self, connection: Connection[Shipment], reply: Reply) -> None:
        shipment = self._take(connection)
        self._book.settle(shipment, reply, connection.due, perf_counter())
        self._release(connection)

    def _take(self, connection: Connection[Shipment]) -> Shipment:
        self._busy.discard(connection)
        return connection.take()

    def _replace(self, connection: Connection[Shipment]) -> Connection[Shipment]:
        if not connection.closed and connection.transport is not None:
            connection.transport.close()
            connection.closed = True
        return Connection[Shipment](connection.node, self)

    def _release(self, connection: Connection[Shipment]) -> None:
        """Send an overdue shipment on *connection*, or mark the connection free."""
        if connection.closed:
            connection = self._replace(connection)
        if not self._free and (due := self._agenda.due(perf_counter())) is not None:
            self._load(connection, due)
            return
        self._free.append(connection)
        if self._agenda.over:
            self._finish_if_idle()
        elif self._timer is None:
            self._pump()

    async def _sweep(self) -> None:
        """Give up requests that exceed the timeout."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            late = perf_counter() - self._timeout
            for connection in [
                c for c in self._busy if c.transport is not None and c.used_at < late
            ]:
                connection.abort()
                self._give_up(connection, Reply(TIMED_OUT))

    def _finish_if_idle(self) -> None:
        if not self._busy and not self._done.done():
            self._done.set_result(None)

    def _shut(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for connection in (*self._busy, *self._free):
            connection.request = None
            connection.abort()
