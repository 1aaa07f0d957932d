"""An ingest node without sockets or Kafka: bytes in, bytes out, and the stored events."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from ingest.admission import Admission
from ingest.handlers import Handlers, build_routes
from ingest.metrics import IngestMetrics
from ingest.publisher import Publisher
from shared.http.server import HttpLimits, build_server
from shared.model.event import Event
from shared.model.partitioning import DEFAULT_BUCKETS
from shared.model.record import decode_events
from tests.fakes.topic import InMemoryTopic

PARTITIONS = 4
MAX_EVENTS = 5_000
MAX_BYTES = 32 * 1024 * 1024
_PIECE_BYTES = 64 * 1024
"""The size of one read from a socket."""


class _Transport(asyncio.Transport):
    """A connection whose client has sent everything and reads everything."""

    def __init__(self, protocol: asyncio.Protocol, sent: bytes) -> None:
        super().__init__()
        self.received = bytearray()
        self._protocol = protocol
        self._unread = memoryview(sent)
        self._reading = True
        self._closing = False

    def feed(self) -> bool:
        """Pass the next piece to the protocol. Return False if there is none or it is paused."""
        if not self._reading or self._closing or not self._unread:
            return False
        piece, self._unread = self._unread[:_PIECE_BYTES], self._unread[_PIECE_BYTES:]
        self._protocol.data_received(bytes(piece))
        return True

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self._closing, "a write to a closed connection"
        self.received += data

    def write_eof(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True


class InMemoryNode:
    """The routes, limits and group commit of a node, on an event loop of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, logged: list[Any]) -> None:
        self.topic = InMemoryTopic(PARTITIONS)
        self.admission = Admission(MAX_EVENTS, MAX_BYTES)
        self.logged = logged
        self._loop: Any = loop
        metrics = IngestMetrics(CollectorRegistry(), self.admission)
        publisher = Publisher(
            self.topic,
            metrics,
            buckets=DEFAULT_BUCKETS,
            max_batch_age_seconds=60.0,
            clock=loop.time,
        )
        handlers = Handlers(publisher, self.admission, metrics, body_seconds=60.0)
        self._server = build_server(build_routes(handlers), HttpLimits())
        self._flushing = loop.create_task(publisher.run())

    def exchange(self, sent: bytes) -> bytes:
        """Return the bytes received on a connection that sends *sent* and then ends."""
        received: bytes = self._loop.run_until_complete(self._exchange(sent))
        return received

    def stored(self) -> list[Event]:
        """Return the events stored since the previous call."""
        stored = [record for _, records in self.topic.stored for record in records]
        events = [event for record in stored for event in decode_events(*record)]
        self.topic.stored.clear()
        self.topic.appends.clear()
        return events

    def reset(self) -> None:
        """Discard planned failures, stored events and log entries."""
        self.topic._errors.clear()
        self.stored()
        self.logged.clear()

    def check_at_rest(self) -> None:
        """Assert that no event is in flight and that no error was logged."""
        assert (self.admission.events, self.admission.bytes) == (0, 0), "an event stays in flight"
        faults = [entry for entry in self.logged if entry["log_level"] == "error"]
        assert not faults, faults

    async def _exchange(self, sent: bytes) -> bytes:
        connection = self._server()
        transport = _Transport(connection, sent)
        connection.connection_made(transport)
        await self._settle()
        while transport.feed():
            await self._settle()
        received = bytes(transport.received)
        transport.close()
        await self._settle()
        return received

    async def _settle(self) -> None:
        """Wait until only timers are left on the loop."""
        await asyncio.sleep(0)
        while self._loop._ready:
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Stop the group commit."""
        self._flushing.cancel()
        await asyncio.wait({self._flushing})


@contextmanager
def open_node() -> Iterator[InMemoryNode]:
    """Open a node, which serves any number of exchanges."""
    with asyncio.Runner() as runner, capture_logs() as logged:
        loop = runner.get_loop()

        async def build() -> InMemoryNode:
            return InMemoryNode(loop, logged)

        node = runner.run(build())
        yield node
        runner.run(node.stop())
