"""A broker that speaks enough of Kafka's protocol for group offsets, and errs on request."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from aiokafka.protocol.admin import ApiVersionResponse_v1
from aiokafka.protocol.commit import OffsetFetchRequest_v3, OffsetFetchResponse_v3
from aiokafka.protocol.coordination import FindCoordinatorResponse_v1
from aiokafka.protocol.metadata import MetadataResponse_v5
from aiokafka.protocol.types import Int16, Int32, String

_VERSIONS = {3: 5, 9: 3, 10: 1, 18: 1}
"""Metadata, OffsetFetch, FindCoordinator, ApiVersions: the only version that it speaks."""


@dataclass(slots=True)
class ScriptedBroker:
    """One broker, the coordinator of every group.

    ``group_errors`` are the errors of its next answers, each without any offset; an answer after
    them has ``offsets`` by partition, -1 where there is none, and leaves out ``unanswered``.
    """

    offsets: dict[int, int]
    group_errors: list[int] = field(default_factory=list)
    unanswered: set[int] = field(default_factory=set)
    host: str = "127.0.0.1"
    port: int = 0
    _connections: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{self.host}:{self.port}"

    def reset(self) -> None:
        """Reset every connection, as the kernel does for a process that was killed."""
        for writer in self._connections:
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def _answer(self, key: int, body: BytesIO) -> Any:
        if key == 18:
            return ApiVersionResponse_v1(0, [(k, v, v) for k, v in _VERSIONS.items()], 0)
        if key == 3:
            return MetadataResponse_v5(0, [(1, self.host, self.port, None)], "c", 1, [])
        if key == 10:
            return FindCoordinatorResponse_v1(0, 0, None, 1, self.host, self.port)
        asked = OffsetFetchRequest_v3.decode(body)
        if self.group_errors:
            return OffsetFetchResponse_v3(0, [], self.group_errors.pop(0))
        topics = [
            (name, [(p, self.offsets[p], "", 0) for p in partitions if p not in self.unanswered])
            for name, partitions in asked.topics
        ]
        return OffsetFetchResponse_v3(0, topics, 0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it ends."""
        self._connections.add(writer)
        try:
            while True:
                request = BytesIO(
                    await reader.readexactly(Int32.decode(BytesIO(await reader.readexactly(4))))
                )
                key, _, correlation = (
                    Int16.decode(request),
                    Int16.decode(request),
                    Int32.decode(request),
                )
                String("utf-8").decode(request)
                answer = Int32.encode(correlation) + self._answer(key, request).encode()
                writer.write(Int32.encode(len(answer)) + answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._connections.discard(writer)
            writer.close()


@asynccontextmanager
async def open_scripted_broker(offsets: dict[int, int]) -> AsyncIterator[ScriptedBroker]:
    """Start a broker on loopback whose groups have committed *offsets*."""
    broker = ScriptedBroker(offsets)
    server = await asyncio.start_server(broker.serve, broker.host, 0)
    broker.port = server.sockets[0].getsockname()[1]
    async with server:
        yield broker
