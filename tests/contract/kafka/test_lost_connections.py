"""What a request meets that is sent in the moment after its connection was lost."""

import asyncio
import socket
import struct
from collections import Counter

import uvloop
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest, MetadataResponse_v1

from shared.config import KafkaConfig
from shared.kafka.client import client_arguments

API_VERSIONS = 18
ANSWER_TO_VERSIONS = struct.pack(">hihhhhhh", 0, 2, API_VERSIONS, 0, 0, 3, 1, 1)
"""No error; of two requests the versions: this one in version 0, Metadata in version 1."""
RESET = struct.pack("ii", 1, 0)
RESETS = 10
REQUESTS_AT_ONCE = 20


class ResettingBroker:
    """Answers requests for versions and metadata; can reset every connection."""

    def __init__(self) -> None:
        self._connections: set[asyncio.StreamWriter] = set()

    def reset(self) -> None:
        """Reset every connection, as the kernel does for a broker that was killed."""
        for writer in self._connections:
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self._connections.add(writer)
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                request = await reader.readexactly(size)
                kind, _, number = struct.unpack(">hhi", request[:8])
                host, port = writer.get_extra_info("sockname")
                metadata = MetadataResponse_v1([(1, host, port, None)], 1, []).encode()
                body = ANSWER_TO_VERSIONS if kind == API_VERSIONS else metadata
                writer.write(struct.pack(">ii", 4 + len(body), number) + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._connections.discard(writer)
            writer.close()


def test_on_uvloop_too_a_request_over_a_lost_connection_fails_with_an_error_of_aiokafka() -> None:
    """Also right after the loss, when uvloop itself refuses to write."""
    outcomes: Counter[str] = Counter()

    async def ask(client: AIOKafkaClient, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await client.send(client.get_random_node(), MetadataRequest([]))
                outcomes["answered"] += 1
            except KafkaError:
                outcomes["lost"] += 1
            except RuntimeError as error:
                outcomes[str(error)] += 1
            await asyncio.sleep(0)

    async def lose_connections() -> None:
        broker, stop = ResettingBroker(), asyncio.Event()
        async with await asyncio.start_server(broker.serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            config = KafkaConfig(bootstrap_servers=f"127.0.0.1:{port}")
            client = AIOKafkaClient(**client_arguments(config))
            await client.bootstrap()
            async with asyncio.TaskGroup() as tasks:
                for _ in range(REQUESTS_AT_ONCE):
                    tasks.create_task(ask(client, stop))
                for _ in range(RESETS):
                    await asyncio.sleep(0.05)
                    broker.reset()
                stop.set()
            await client.close()

    uvloop.run(lose_connections())
    assert set(outcomes) == {"answered", "lost"}
    assert outcomes["lost"] >= RESETS
