"""One connected client of the feed of changes."""

import asyncio

_LINGER_SECONDS = 2.0
"""After the end of a stream, the time for bytes in flight to reach the client."""
_POLL_SECONDS = 0.02
_DRAIN_SECONDS = 10.0


class ChangeClient:
    """Writes to one connection and ends its stream.

    Writes go directly to the transport, as a thousand clients get the same bytes. A client is too
    slow once more than *limit_bytes* are unread.
    """

    def __init__(self, transport: asyncio.Transport, limit_bytes: int, ends_at: float) -> None:
        self._transport = transport
        self._limit_bytes = limit_bytes
        self.ends_at = ends_at
        self.ended = asyncio.Event()

    @property
    def gone(self) -> bool:
        """Whether the connection is closed."""
        return self._transport.is_closing()

    @property
    def too_slow(self) -> bool:
        """Whether more bytes are unread than the limit."""
        return self._transport.get_write_buffer_size() > self._limit_bytes

    def write(self, data: bytes) -> None:
        """Send *data*, which is whole blocks of the stream."""
        self._transport.write(data)

    def end(self) -> None:
        """End the stream. The client has a moment to read the rest before the connection closes."""
        if not self.ended.is_set():
            self.ended.set()
            asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.abort)

    async def wait_drained(self) -> bool:
        """Wait until the client has read half of its limit. Return False on a timeout."""
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while self._transport.get_write_buffer_size() > self._limit_bytes // 2:  # noqa: ASYNC110 a transport sets no event for this
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            return False
        return True
