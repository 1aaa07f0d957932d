#!/usr/bin/env bash
# aiokafka 0.14.0 on uvloop 0.23.0: right after a broker was killed, requests raise a bare RuntimeError.
#
# aiokafka documents KafkaConnectionError for a request whose connection is lost, and all of its
# background tasks retry on it. For two turns of the loop after the loss it still believes in the
# connection and writes to it. asyncio ignores that write; uvloop refuses it.
#
# Expected: KafkaConnectionError, with either loop.
# Happens:  on uvloop "RuntimeError: unable to perform operation on <TCPTransport closed=True ...>; the
#           handler is closed". Where a background task meets it (metadata, fetcher, sender of a
#           producer), the task ends for good.
# What helps: wrap AIOKafkaConnection.send, and raise KafkaConnectionError instead.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiokafka==0.14.0 uvloop==0.23.0
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import logging
import socket
import struct
from collections import Counter
from functools import partial

import uvloop
from aiokafka import __version__
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest, MetadataResponse_v1

logging.disable(logging.CRITICAL)
API_VERSIONS = 18
VERSIONS = struct.pack(">hihhhhhh", 0, 2, API_VERSIONS, 0, 0, 3, 1, 1)


async def broker(open_connections, reader, writer):
    """Answer requests for versions and metadata."""
    open_connections.add(writer)
    try:
        while True:
            (size,) = struct.unpack(">i", await reader.readexactly(4))
            kind, _, number = struct.unpack(">hhi", (await reader.readexactly(size))[:8])
            metadata = MetadataResponse_v1([(1, *writer.get_extra_info("sockname"), None)], 1, [])
            body = VERSIONS if kind == API_VERSIONS else metadata.encode()
            writer.write(struct.pack(">ii", 4 + len(body), number) + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        open_connections.discard(writer)
        writer.close()


def kill(open_connections):
    """Do what the kernel does for a process that was killed: reset its connections."""
    for writer in open_connections:
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        writer.transport.abort()


async def main(errors):
    open_connections = set()
    server = await asyncio.start_server(partial(broker, open_connections), "127.0.0.1", 0)
    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:%d" % server.sockets[0].getsockname()[1])
    await client.bootstrap()
    stop = asyncio.Event()

    async def ask():
        while not stop.is_set():
            try:
                await client.send(client.get_random_node(), MetadataRequest([]))
            except KafkaError:
                errors["KafkaError"] += 1
            except Exception as error:
                errors[type(error).__name__] += 1
            await asyncio.sleep(0)

    asking = [asyncio.create_task(ask()) for _ in range(20)]
    for _ in range(10):
        await asyncio.sleep(0.05)
        kill(open_connections)
    stop.set()
    await asyncio.gather(*asking)
    await client.close()
    server.close()


print("aiokafka", __version__, "and uvloop", uvloop.__version__)
seen = {}
for name, run in (("asyncio", asyncio.run), ("uvloop", uvloop.run)):
    errors = Counter()
    run(main(errors))
    seen[name] = sorted(errors)
    print(f"{name}: expected ['KafkaError'], found", seen[name])
assert seen["asyncio"] == ["KafkaError"], "this is not the finding"
assert seen["uvloop"] == ["KafkaError", "RuntimeError"], "the finding is out of date"
PYTHON
# Seen:
#   aiokafka 0.14.0 and uvloop 0.23.0
#   asyncio: expected ['KafkaError'], found ['KafkaError']
#   uvloop: expected ['KafkaError'], found ['KafkaError', 'RuntimeError']
