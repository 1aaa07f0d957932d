"""Read server-sent events: over thousands of connections cheaply, or over one in full."""

import asyncio
import hashlib
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self, cast

from tests.clients.raw_client import address_of
from tests.waiting import WAIT_SECONDS, until


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event, and the id to resume from."""

    kind: str
    id: str
    data: Any


@dataclass(slots=True)
class EventStream(asyncio.Protocol):
    """One connection to ``GET /changes`` with the state of an EventSource.

    With ``digest_only`` it keeps only the hash of the data since ``mark``: a cheap way to compare
    a thousand streams.
    """

    digest_only: bool = False
    head: bytes = b""
    last_id: str = ""
    retry_ms: int = 0
    comments: int = 0
    events: list[ServerEvent] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    length: int = 0
    _unread: bytes = b""
    _digest: Any = field(default_factory=hashlib.blake2b)
    _transport: asyncio.Transport | None = None

    @classmethod
    async def open(
        cls,
        url: str,
        last_id: str = "",
        *,
        query: str = "",
        digest_only: bool = False,
        receive_bytes: int = 0,
    ) -> Self:
        """Connect to the node at *url*; return when the head of the answer has arrived.

        *query* begins with a question mark; *receive_bytes* limits the kernel's receive buffer.
        """
        loop = asyncio.get_running_loop()
        stream = cls(digest_only)
        connection = socket.socket()
        connection.setblocking(False)  # noqa: FBT003 the name of it says what it is
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        async with asyncio.timeout(WAIT_SECONDS):
            await loop.sock_connect(connection, address_of(url))
            await loop.create_connection(lambda: stream, sock=connection)
        lines = [f"GET /changes{query} HTTP/1.1", "Host: test", "Accept: text/event-stream"]
        if last_id:
            lines.append(f"Last-Event-ID: {last_id}")
        stream.transport.write("\r\n".join([*lines, "", ""]).encode())
        await stream.until(lambda: bool(stream.head))
        return stream

    @property
    def transport(self) -> asyncio.Transport:
        """The connection."""
        assert self._transport is not None
        return self._transport

    @property
    def status(self) -> int:
        """The status of the answer."""
        return int(self.head.split(b" ", 2)[1])

    @property
    def changes(self) -> list[Any]:
        """The data of all changes so far."""
        return [event.data for event in self.events if event.kind == "message"]

    @property
    def resyncs(self) -> list[Any]:
        """The data of all ``resync`` events."""
        return self.named("resync")

    def named(self, kind: str) -> list[Any]:
        """Return the data of all events with this name."""
        return [event.data for event in self.events if event.kind == kind]

    @property
    def digest(self) -> bytes:
        """The hash of all data since ``mark``."""
        return bytes(self._digest.digest())

    def mark(self) -> None:
        """Start the digest here."""
        self._digest = hashlib.blake2b()
        self.length = 0

    async def until(
        self, condition: Callable[[], bool], within_seconds: float = WAIT_SECONDS
    ) -> None:
        """Return when *condition* holds. Raises TimeoutError."""
        await until(condition, within_seconds)

    def close(self) -> None:
        """Abort the connection."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 however it ended
        """See asyncio. An event without its end is dropped."""
        self.closed.set()

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        if not self.head:
            self._unread += data
            head, separator, data = self._unread.partition(b"\r\n\r\n")
            if not separator:
                return
            self.head, self._unread = head, b""
        self._digest.update(data)
        self.length += len(data)
        if self.digest_only:
            return
        *blocks, self._unread = (self._unread + data).split(b"\n\n")
        for block in blocks:
            self._take(block.decode())

    def _take(self, block: str) -> None:
        kind, data = "message", ""
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match name:
                case "":
                    self.comments += 1
                case "id":
                    self.last_id = value
                case "event":
                    kind = value
                case "data":
                    data += value
                case "retry":
                    self.retry_ms = int(value)
                case _:
                    raise AssertionError(f"no field of an event: {line!r}")
        if data:
            self.events.append(ServerEvent(kind, self.last_id, json.loads(data)))
