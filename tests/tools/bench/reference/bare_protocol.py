"""Answer 202 at once with only a protocol and a parser: ``python -m ... HOST PORT``.

The floor for a server in Python: it parses the request's head and path, and nothing else.
"""

import asyncio
import sys
from typing import cast

import httptools
import uvloop

BACKLOG = 4096
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Parse."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """Store the path."""
        self._url = url

    def on_message_complete(self) -> None:
        """Answer."""
        self._transport.write(ACCEPTED)


async def serve(host: str, port: int) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, host, port, backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
