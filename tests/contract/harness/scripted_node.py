"""A small ingest node whose answers a test scripts byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.tools.load.client.node import Node, node_at

Script = Callable[["Exchange"], Awaitable[None]]
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


def refusal(code: str, status: int = 503, *headers: str) -> bytes:
    """Return a problem as the API sends it."""
    body = f'{{"code": "{code}"}}'.encode()
    more = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status} No\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Exchange:
    """One request, and the connection to answer it on."""

    head: bytes
    body: bytes
    writer: asyncio.StreamWriter

    async def send(self, *pieces: bytes) -> None:
        """Send the pieces so that they arrive one by one."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0.005)


@dataclass
class Scripted:
    """The server, and what it has seen."""

    node: Node
    url: str
    requests: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def scripted_server(script: Script) -> AsyncIterator[Scripted]:
    """Run a server that answers every request by *script*."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.partition(b"Content-Length: ")[2].partition(b"\r")[0])
                body = await reader.readexactly(length)
                seen.requests.append(head.partition(b"\r\n")[0])
                seen.bodies.append(body)
                await script(Exchange(head, body, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    seen = Scripted(node_at(url), url)
    try:
        yield seen
    finally:
        server.close()
        await server.wait_closed()
