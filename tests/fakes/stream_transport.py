"""A connection that reads only while a test lets it."""

import asyncio
from typing import cast


class StreamTransport:
    """The part of a transport that a client of the feed uses. *reads* turns reading on and off."""

    def __init__(self) -> None:
        self.reads = True
        self.received = b""
        self.unread = b""
        self.closing = False

    def as_transport(self) -> asyncio.Transport:
        """Return this as an asyncio.Transport."""
        return cast(asyncio.Transport, self)

    def write(self, data: bytes) -> None:
        """See asyncio.Transport."""
        if self.reads:
            self.received += data
        else:
            self.unread += data

    def get_write_buffer_size(self) -> int:
        """See asyncio.Transport."""
        return len(self.unread)

    def is_closing(self) -> bool:
        """See asyncio.Transport."""
        return self.closing

    def abort(self) -> None:
        """See asyncio.Transport."""
        self.closing = True

    @property
    def blocks(self) -> list[str]:
        """The blocks received so far."""
        *blocks, rest = self.received.decode().split("\n\n")
        assert not rest
        return blocks
