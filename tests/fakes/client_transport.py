"""Connections without sockets: bytes in, bytes out, at turns of the loop that a test chooses."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

_PIECE_BYTES = 64 * 1024
"""The size of one read from a socket."""


class ClientTransport(asyncio.Transport):
    """A connection whose client has sent everything and reads everything."""

    def __init__(self, protocol: asyncio.Protocol, pieces: Sequence[bytes]) -> None:
        super().__init__()
        self.received = bytearray()
        self._protocol = protocol
        self._unread = deque(pieces)
        self._reading = True
        self._closing = False

    def feed(self) -> bool:
        """Pass the next piece to the protocol. Return False if there is none or it is paused."""
        if not self._reading or self._closing or not self._unread:
            return False
        self._protocol.data_received(self._unread.popleft())
        return True

    def is_closing(self) -> bool:
        """See asyncio.Transport."""
        return self._closing

    def close(self) -> None:
        """See asyncio.Transport."""
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See asyncio.Transport."""
        assert not self._closing, "a write to a closed connection"
        self.received += data

    def write_eof(self) -> None:
        """See asyncio.Transport."""

    def get_write_buffer_size(self) -> int:
        """See asyncio.Transport: the client reads at once."""
        return 0

    def pause_reading(self) -> None:
        """See asyncio.Transport."""
        self._reading = False

    def resume_reading(self) -> None:
        """See asyncio.Transport."""
        self._reading = True


async def exchange(
    connect: Callable[[], asyncio.Protocol], sent: Sequence[bytes], turns: Sequence[int] = ()
) -> tuple[bytes, bool]:
    """Return what a connection that sends *sent* receives, and whether the server has ended it.

    The protocol gets each piece by itself. Before the next one the loop makes as many turns as
    *turns* has for it; after the end of *turns*, all turns until nothing is left to do.
    """
    pieces = [s[i : i + _PIECE_BYTES] for s in sent for i in range(0, len(s), _PIECE_BYTES)]
    connection = connect()
    transport = ClientTransport(connection, pieces)
    connection.connection_made(transport)
    await _settle()
    waits = iter(turns)
    while True:
        if not transport.feed():
            await _settle()
            if not transport.feed():
                break
        wait = next(waits, None)
        if wait is None:
            await _settle()
        else:
            for _ in range(wait):
                await asyncio.sleep(0)
    received, ended = bytes(transport.received), transport.is_closing()
    transport.close()
    await _settle()
    return received, ended


async def _settle() -> None:
    """Wait until only timers are left on the loop."""
    loop: Any = asyncio.get_running_loop()
    await asyncio.sleep(0)
    while loop._ready:
        await asyncio.sleep(0)
