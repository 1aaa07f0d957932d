"""A server that accepts every event at once, to measure the client alone.

``python -m tests.tools.load.sending.answerer HOST`` prints its port and serves until its input
ends. It parses only the HTTP that this package's client writes.
"""

import asyncio
import sys
from functools import partial
from typing import cast

import uvloop

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"Content-Length: "
PUT_ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
_BULK_HEAD = (
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)


class Answerer(asyncio.Protocol):
    """Answers ``PUT`` and ``POST`` like an ingest node that has stored every event."""

    def __init__(self) -> None:
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport for answers."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer each complete request."""
        received = self._received
        received += data
        while (head_end := received.find(_HEAD_END)) >= 0:
            body_start = head_end + len(_HEAD_END)
            length_start = received.index(_LENGTH, 0, body_start) + len(_LENGTH)
            length_end = received.index(b"\r", length_start)
            end = body_start + int(received[length_start:length_end])
            if len(received) < end:
                return
            self._transport.write(self._answer(received.count(b"\n", body_start, end)))
            del received[:end]

    def _answer(self, lines: int) -> bytes:
        if lines == 0:
            return PUT_ANSWER
        body = b'{"accepted":%d,"rejected":[]}' % lines
        return _BULK_HEAD % (len(body), body)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def serve(host: str) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answerer, host, 0, backlog=4_096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    ended: asyncio.Future[None] = loop.create_future()
    loop.add_reader(0, partial(_resolve, ended))
    await ended
    server.close()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
