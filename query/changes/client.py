"""One connection that listens to changes."""

import asyncio

_LINGER_SECONDS = 2.0
"""For what is under way to a client whose stream ends."""
_LOOK_SECONDS = 0.02
_DRAIN_SECONDS = 10.0


class ChangeClient:
    """Writes to a connection as long as it takes it, and lets it end.

    What is written goes straight to the transport, as it is the same bytes for a thousand
    clients: *limit_bytes* of it may be unread before a client counts as too slow.
    """

    def __init__(self, transport: asyncio.Transport, limit_bytes: int, ends_at: float) -> None:
        self._transport = transport
        self._limit_bytes = limit_bytes
        self.ends_at = ends_at
        self.ended = asyncio.Event()

    @property
    def gone(self) -> bool:
        """Whether nobody reads any more."""
        return self._transport.is_closing()

    @property
    def too_slow(self) -> bool:
        """Whether more is unread than may be."""
        return self._transport.get_write_buffer_size() > self._limit_bytes

    def write(self, data: bytes) -> None:
        """Send *data*, whole blocks of the stream."""
        self._transport.write(data)

    def end(self) -> None:
        """End the stream: what was written is given a moment, whoever does not read is cut off."""
        if not self.ended.is_set():
            self.ended.set()
            asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.abort)

    async def drained(self) -> bool:
        """Wait until there is room again; False where there is none in time."""
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while self._transport.get_write_buffer_size() > self._limit_bytes // 2:  # noqa: ASYNC110 a transport sets no event for this
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            return False
        return True
