"""A closed loop: each connection sends its next request when the last one is answered."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter

from tests.tools.load.client.connection import Answer, Connection
from tests.tools.load.client.node import Node

_MOST_LOST = 1_000
"""With more lost requests the loop measures nothing, and opens no further connections."""


class ClosedLoop:
    """A number of connections to one node, and the requests that they send.

    A connection that ends is replaced. *record* receives each answer with the seconds since its
    request was sent; ``lost_requests`` counts the requests without an answer.
    """

    def __init__(self, node: Node, record: Callable[[Answer, float], None]) -> None:
        self.known_answers: dict[bytes, Answer] = {}
        self.lost_requests = 0
        self._node = node
        self._record = record
        self._requests: Iterator[bytes] = iter(())
        self._in_flight = 0
        self._idle: list[Connection[bytes]] = []
        self._connections: set[Connection[bytes]] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._drained = asyncio.Event()

    async def open(self, connections: int) -> None:
        """Open that many connections more; raises OSError where the node refuses one."""
        await asyncio.gather(*(self._connect() for _ in range(connections)))

    def feed(self, requests: Iterable[bytes]) -> None:
        """Send *requests* from now on, instead of the previous ones; start on idle connections.

        The connections that were opened last get the first requests.
        """
        self._requests = iter(requests)
        self._drained.clear()
        idle, self._idle = self._idle, []
        for connection in reversed(idle):
            self._send(connection)

    async def drain(self, seconds: float) -> bool:
        """Wait until every request is sent and answered; return False after *seconds*."""
        try:
            async with asyncio.timeout(seconds):
                await self._drained.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Close every connection."""
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for connection in self._connections:
            connection.request = None
            connection.abort()

    def opened(self, connection: Connection[bytes]) -> None:
        """Send the first request on a new connection."""
        self._connections.add(connection)
        self._send(connection)

    def answered(self, connection: Connection[bytes], answer: Answer) -> None:
        """Record the answer and send the next request."""
        connection.take()
        self._in_flight -= 1
        self._record(answer, perf_counter() - connection.used_at)
        self._send(connection)

    def lost(self, connection: Connection[bytes]) -> None:
        """Count the request and replace the connection."""
        connection.take()
        self._in_flight -= 1
        self.lost_requests += 1
        self._replace(connection)

    def breached(self, connection: Connection[bytes], how: str) -> None:  # noqa: ARG002 the owner's
        """Count the request as lost if the connection was ended without an answer."""
        if connection.closed and connection.request is not None:
            self.lost(connection)

    def _send(self, connection: Connection[bytes]) -> None:
        transport = connection.transport
        if connection.closed or transport is None:
            self._replace(connection)
            return
        request = next(self._requests, None)
        if request is None:
            self._idle.append(connection)
            if not self._in_flight:
                self._drained.set()
            return
        connection.request = request
        self._in_flight += 1
        connection.used_at = perf_counter()
        transport.write(request)

    def _replace(self, connection: Connection[bytes]) -> None:
        self._connections.discard(connection)
        if self.lost_requests < _MOST_LOST:
            task = asyncio.get_running_loop().create_task(self._reconnect())
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)
        elif not self._in_flight:
            self._drained.set()

    async def _reconnect(self) -> None:
        try:
            await self._connect()
        except OSError:
            self.lost_requests += 1

    async def _connect(self) -> None:
        connection = Connection[bytes](self._node, self)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: connection, self._node.host, self._node.port)
