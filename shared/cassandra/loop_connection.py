"""Let the event loop of a tier send and receive what the driver says to Cassandra.

The connections that come with the driver live in a thread of their own. That thread and a busy
event loop take the interpreter from each other for each step of each request
(``findings/cassandra-driver-busy-loop.sh``). These connections are protocols of the event loop, so
a request and its answer stay in one thread.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable
from typing import Any, ClassVar, cast

from cassandra.connection import Connection, ConnectionShutdown

from shared.security.tls import trust_failure


class NotTrustedError(Exception):
    """A node's certificate, or its TLS, is not acceptable."""


class LoopConnection(Connection, asyncio.Protocol):  # type: ignore[misc] # the driver has no types
    """A connection in the event loop of its class, which ``in_running_loop`` returns.

    The driver opens one in its own threads, which wait for the event loop: never open one in that.
    """

    is_closed: bool
    _loop: ClassVar[asyncio.AbstractEventLoop]
    _thread: ClassVar[int]

    @classmethod
    def in_running_loop(cls) -> type["LoopConnection"]:
        """Return the class of connections in the running event loop."""
        members = {"_loop": asyncio.get_running_loop(), "_thread": threading.get_ident()}
        return type(cls.__name__, (cls,), members)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        opening = asyncio.run_coroutine_threadsafe(self._open(), self._loop)
        try:
            opening.result(self.connect_timeout)
        except TimeoutError:
            opening.cancel()
            raise
        self._send_options_message()

    async def _open(self) -> None:
        host, port = self.endpoint.resolve()
        try:
            await self._loop.create_connection(lambda: self, host, port, ssl=self.ssl_context)
        except ssl.SSLError as error:
            if reason := trust_failure(error):
                # The driver turns an OSError into one without a reason.
                raise NotTrustedError(f"{self.endpoint}: {reason}") from error
            raise

    # ---- for the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection's transport."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Process the responses in *data* and before it that are complete now."""
        self._iobuf.write(data)
        self.process_io_buffer()

    def pause_writing(self) -> None:
        """Refuse requests, which go to another node then."""
        self._socket_writable = False

    def resume_writing(self) -> None:
        """Take requests again."""
        self._socket_writable = True

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the requests that have no response."""
        if error is None:
            self.close()
        else:
            self.defunct(error)

    # ---- for the driver, in any thread

    def push(self, data: bytes) -> None:
        """Send *data*."""
        self._call(self._transport.write, data)

    def close(self) -> None:
        """Close the connection; its requests fail, unless ``defunct`` has failed them."""
        with self.lock:
            if self.is_closed:
                return
            self.is_closed = True
        self._call(self._transport.abort)
        if not self.is_defunct:
            self.error_all_requests(ConnectionShutdown(f"{self.endpoint}: connection closed"))
            self.connected_event.set()

    @classmethod
    def create_timer(cls, timeout: float, callback: Callable[[], None]) -> "_Timer":
        """Call *callback* after *timeout* seconds, unless the timer is cancelled."""
        timer = _Timer(cls._call)
        cls._call(timer.start, cls._loop, timeout, callback)
        return timer

    @classmethod
    def _call(cls, function: Callable[..., None], *args: Any) -> None:
        """Call *function* in the event loop."""
        if threading.get_ident() == cls._thread:
            function(*args)
        else:
            cls._loop.call_soon_threadsafe(function, *args)


class _Timer:
    """A timer that any thread may cancel."""

    def __init__(self, call: Callable[..., None]) -> None:
        self._call = call
        self._handle: asyncio.TimerHandle | None = None
        self._cancelled = False

    def start(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], None]
    ) -> None:
        if not self._cancelled:
            self._handle = loop.call_later(seconds, callback)

    def cancel(self) -> None:
        self._cancelled = True
        self._call(self._stop)

    def _stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
