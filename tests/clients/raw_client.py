"""Send HTTP byte by byte: slow, rude or wrong on purpose, which no client library allows."""

import asyncio
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

ANSWER_SECONDS = 20.0
_RESET = struct.pack("ii", 1, 0)
"""Linger for no time: the close is a reset."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as received; the names of its headers are in lower case."""

    version: str
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """True if the answer ends its connection (RFC 9112, 9.3)."""
        unsaid = "close" if self.version == "HTTP/1.0" else "keep-alive"
        return self.headers.get("connection", unsaid).lower() == "close"

    @property
    def code(self) -> str:
        """The code of a problem document; the answer must be one."""
        assert self.headers["content-type"] == "application/problem+json", self
        problem: dict[str, Any] = json.loads(self.body)
        assert problem["status"] == self.status
        return str(problem["code"])


def address_of(url: str) -> tuple[str, int]:
    """Return host and port of *url*."""
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


def put(domain: str, kind: str = "delivered", body: bytes = b"", *headers: str) -> bytes:
    """Return a PUT of one event; *headers* are whole lines, also a Content-Length if needed."""
    lines = [f"PUT /events/{domain}/{kind} HTTP/1.1", "Host: test", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def post(body: bytes, *headers: str) -> bytes:
    """Return a bulk request of *body*."""
    lines = [
        "POST /events HTTP/1.1",
        "Host: test",
        "Content-Type: application/x-ndjson",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class RawConnection:
    """One connection that sends the given bytes and reads answers one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect to *url*."""
        async with asyncio.timeout(ANSWER_SECONDS):
            return cls(*await asyncio.open_connection(*address_of(url)))

    async def send(self, data: bytes) -> None:
        """Send *data*; waits while the other side reads nothing."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(
        self, within_seconds: float = ANSWER_SECONDS, *, has_body: bool = True
    ) -> Answer:
        """Return the next answer; the answer to a HEAD has no body, whatever its length is.

        Raises IncompleteReadError or ConnectionError if the connection ended before it.
        """
        async with asyncio.timeout(within_seconds):
            head = await self._reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")[:-2]
            pairs = (line.split(":", 1) for line in lines)
            headers = {name.lower(): value.strip() for name, value in pairs}
            size = int(headers.get("content-length", "0")) if has_body else 0
            body = await self._reader.readexactly(size)
        version, status, reason = first.split(" ", 2)
        return Answer(version, int(status), reason, headers, body)

    async def ask(self, data: bytes, within_seconds: float = ANSWER_SECONDS) -> Answer:
        """Send a request and return its answer."""
        await self.send(data)
        return await self.answer(within_seconds)

    async def rest(self, within_seconds: float = ANSWER_SECONDS) -> bytes:
        """Return all bytes until the other side ends the connection in any way."""
        received = b""
        async with asyncio.timeout(within_seconds):
            try:
                while data := await self._reader.read(65_536):
                    received += data
            except ConnectionError:
                pass
        return received

    def finish_sending(self) -> None:
        """Send an end of stream, and continue to read."""
        self._writer.write_eof()

    def stop_reading(self) -> None:
        """Leave answers in the buffers of the kernel, and then of the other side."""
        transport: Any = self._writer.transport
        transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again after ``stop_reading``."""
        transport: Any = self._writer.transport
        transport.resume_reading()

    def reset(self) -> None:
        """Reset the connection, like a killed process."""
        connected: socket.socket = self._writer.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()

    def close(self) -> None:
        """Close the connection normally."""
        self._writer.close()
