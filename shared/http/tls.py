"""TLS on our HTTP ports: the certificate and its renewal, and a listener that counts handshakes.

The event loop's own listener reports a connection only after its handshake, and never reports a
failed one: ten thousand silent connections would count towards no limit. So we accept connections
ourselves.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry, Gauge

from shared.security.config import TlsConfig
from shared.security.tls import ServerFiles, server_context, trust_failure

log = structlog.stdlib.get_logger(__name__)

HANDSHAKE_SECONDS = 5.0
"""Time limit of a handshake."""
SHUTDOWN_SECONDS = 2.0
"""For the client's close_notify when we close."""
_NO_ROOM_SECONDS = 0.1
"""Pause after an accept that failed because the process has no file descriptor left."""


class ServerTls:
    """The certificate of all ports of this process."""

    def __init__(self, files: ServerFiles, registry: CollectorRegistry) -> None:
        self._files = files
        self.context = server_context()
        self._expiry = Gauge(
            "catchall_certificate_expiry_timestamp_seconds",
            "Expiry of the certificate of this process's ports, in seconds since 1970.",
            registry=registry,
        )
        self.reload()

    def reload(self) -> None:
        """Use the files' current content from the next handshake on; connections continue.

        Raises ConfigError, and keeps the old certificate.
        """
        expires_at = self._files.expires_at()
        self._files.load_into(self.context)
        self._expiry.set(expires_at)


def build_tls(config: TlsConfig, registry: CollectorRegistry) -> ServerTls | None:
    """Return the configured certificate; None for plain HTTP. Raises ConfigError."""
    files = config.server_files
    return None if files is None else ServerTls(files, registry)


class Handshakes:
    """The connections of a listener whose handshake is in progress."""

    def __init__(self, make: Callable[[], asyncio.Protocol], tls: ServerTls) -> None:
        self._make = make
        self._tls = tls
        self._in_progress: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._in_progress)

    async def listen(self, listener: socket.socket, has_room: Callable[[], bool]) -> None:
        """Accept until cancelled; close connections without room: a refusal needs a handshake."""
        loop = asyncio.get_running_loop()
        listener.settimeout(0)
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:
                log.warning("cannot accept a connection", error=error.strerror)
                await asyncio.sleep(_NO_ROOM_SECONDS)
                continue
            if not has_room():
                connection.close()
                continue
            task = loop.create_task(self._shake(connection))
            self._in_progress.add(task)
            task.add_done_callback(self._in_progress.discard)

    async def _shake(self, connection: socket.socket) -> None:
        try:
            # As the loop's own listener does: small responses must not wait for an acknowledgement.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:  # on some systems, if the client has reset the connection
            connection.close()
            log.debug("connection lost before its TLS handshake", error=error.strerror)
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                self._make,
                connection,
                ssl=self._tls.context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=SHUTDOWN_SECONDS,
            )
        except (OSError, TimeoutError) as error:
            log.debug("TLS handshake failed", error=trust_failure(error) or type(error).__name__)

    async def end(self) -> None:
        """Cancel the remaining handshakes."""
        await asyncio.sleep(0)  # a task that has not started yet would not close its socket
        for task in self._in_progress:
            task.cancel()
        if self._in_progress:
            await asyncio.wait(self._in_progress)


@asynccontextmanager
async def open_listeners(
    handshakes: Handshakes,
    host: str,
    port: int,
    backlog: int,
    has_room: Callable[[], bool],
    *,
    shared_port: bool,
) -> AsyncIterator[None]:
    """Listen on every address of *host* until left; handshakes continue then. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
    )
    async with AsyncExitStack() as stack:
        listeners = [
            stack.enter_context(
                socket.create_server(
                    address, family=family, backlog=backlog, reuse_port=shared_port
                )
            )
            for family, address in dict.fromkeys((each[0], each[4]) for each in found)
        ]
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        accepting = [
            tasks.create_task(handshakes.listen(listener, has_room), name="accept")
            for listener in listeners
        ]
        try:
            yield
        finally:
            for task in accepting:
                task.cancel()
