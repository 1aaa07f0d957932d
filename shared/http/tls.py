"""TLS on our HTTP ports: the certificate and its renewal, and a listener that counts handshakes.

The loop's own listener tells nobody of a connection before its handshake is done, and of one
that fails never: ten thousand that say nothing would be nobody's. So we accept them ourselves.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry, Gauge

from shared.security.config import TlsConfig
from shared.security.tls import ServerFiles, refusal, server_context

log = structlog.stdlib.get_logger(__name__)

HANDSHAKE_SECONDS = 5.0
"""For one that does not come, or comes slowly."""
SHUTDOWN_SECONDS = 2.0
"""For the other side's last word when we close."""
_NO_ROOM_SECONDS = 0.1
"""How long nothing is accepted when the process has no file descriptor left."""


class ServerTls:
    """Our certificate on all ports of this process."""

    def __init__(self, files: ServerFiles, registry: CollectorRegistry) -> None:
        self._files = files
        self.context = server_context()
        self._expiry = Gauge(
            "catchall_certificate_expiry_timestamp_seconds",
            "Until when the certificate of this process's ports is good, since 1970.",
            registry=registry,
        )
        self.reload()

    def reload(self) -> None:
        """Show what the files hold now at each further handshake; connections go on.

        Raises ConfigError, having kept what there was.
        """
        expires_at = self._files.expires_at()
        self._files.load_into(self.context)
        self._expiry.set(expires_at)


def build_tls(config: TlsConfig, registry: CollectorRegistry) -> ServerTls | None:
    """Return our side of TLS; None if we are to speak plain HTTP. Raises ConfigError."""
    files = config.server_files
    return None if files is None else ServerTls(files, registry)


class Handshakes:
    """The connections of a listener that have not shaken hands yet."""

    def __init__(self, make: Callable[[], asyncio.Protocol], tls: ServerTls) -> None:
        self._make = make
        self._tls = tls
        self._under_way: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._under_way)

    async def listen(self, listener: socket.socket, has_room: Callable[[], bool]) -> None:
        """Accept for ever. Who finds no room is left without a word: it would need a handshake."""
        loop = asyncio.get_running_loop()
        listener.settimeout(0)
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:
                log.warning("cannot accept", error=error.strerror)
                await asyncio.sleep(_NO_ROOM_SECONDS)
                continue
            if not has_room():
                connection.close()
                continue
            task = loop.create_task(self._shake(connection))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _shake(self, connection: socket.socket) -> None:
        # As the loop's own listener does: small answers must not wait for an acknowledgement.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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
            log.debug("no handshake", error=refusal(error) or type(error).__name__)

    async def end(self) -> None:
        """Give up those that are left."""
        await asyncio.sleep(0)  # one that has not begun yet would not close its socket
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)


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
    """Listen on every address of *host* until left; handshakes go on. Raises OSError."""
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
