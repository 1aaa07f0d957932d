"""Serve an application of aiohttp within limits and with an orderly end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import cast

from aiohttp import http_parser, web
from aiohttp.web_protocol import RequestHandler

from shared.errors import ConfigError
from shared.http.connection import HSTS, Connection
from shared.http.fast_lane import FastLane, FastLaneConnection, HotRequests
from shared.http.loopback import addresses_of
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.http.observability.request_ids import REQUEST_ID
from shared.http.prebuilt_response import encode_field, render
from shared.http.problems import build_problem
from shared.http.tls import Handshakes, ServerTls, open_listeners
from shared.problems import Problem

BACKLOG = 4096
IDLE_SECONDS = 75.0
"""Longer than the 60 s for which common load balancers use an idle connection again."""
_LINGER_SECONDS = 1.0
_LAST_REQUEST_SECONDS = 0.5
"""When the server ends, a client's next request within this time is answered, as the last one."""
_POLL_SECONDS = 0.01
_TURNS_TO_ACCEPT = 4
"""Turns of the event loop to accept a connection and to make its protocol: uvloop takes one per
connection, asyncio's own loop takes three for all."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The limits of one server."""

    max_connections: int = 10_000
    """Further connections get a refusal and are closed. The same number again may be in a TLS
    handshake, or about to read that refusal."""
    idle_seconds: float = IDLE_SECONDS
    """For a connection without a request, or with one whose end does not arrive
    (aiohttp >= 3.14.4)."""
    connection_seconds: float = 300.0
    """A connection older than about this ends with its next response, so that clients move to
    new nodes too."""
    drain_seconds: float = 10.0
    """For the requests in flight when the server ends."""


class Server(web.Server):
    """aiohttp's server with our connections; *application* is its server of an application."""

    def __init__(
        self,
        application: web.Server,
        limits: HttpLimits,
        tls: ServerTls | None,
        instrumentation: HttpInstrumentation,
        hot: HotRequests | None,
    ) -> None:
        super().__init__(application.request_handler, request_factory=application.request_factory)
        self.limits = limits
        self.instrumentation = instrumentation
        self._running_loop = asyncio.get_running_loop()
        self.draining = False
        self.served: set[Connection] = set()
        self.handshakes = None if tls is None else Handshakes(self, tls)
        self.common_headers = {} if tls is None else {"Strict-Transport-Security": HSTS}
        self._lane = None if hot is None else FastLane(hot, self.common_headers)
        self._leaving = 0
        self._accepted = 0
        response = build_problem(Problem.TOO_MANY_CONNECTIONS)
        response.force_close()
        self._refusal = response

    def __call__(self) -> RequestHandler:
        """Return the protocol of a new connection."""
        self._accepted += 1
        if self._lane is None:
            return Connection(self, self._running_loop)
        return FastLaneConnection(self._lane, self, self._running_loop)

    def has_room(self) -> bool:
        """Whether one more connection may start a TLS handshake, even if only to be refused."""
        in_handshake = 0 if self.handshakes is None else len(self.handshakes)
        return len(self.served) + in_handshake + self._leaving < 2 * self.limits.max_connections

    async def accept_backlog(self) -> None:
        """Accept the connections that wait: closing their listener would reset them.

        From now on each connection ends with its next response.
        """
        self.draining = True
        deadline = self._running_loop.time() + _LAST_REQUEST_SECONDS
        turns = 0
        while turns < _TURNS_TO_ACCEPT and self._running_loop.time() < deadline:
            accepted = self._accepted
            await asyncio.sleep(0)
            turns = 0 if self._accepted > accepted else turns + 1

    async def drain(self) -> None:
        """End the connections, after ``accept_backlog``; return when all have ended.

        Idle connections are closed after a moment: closing at once would reset those whose next
        request is on its way. Requests whose body is still arriving have until the limit.
        """
        now = self._running_loop.time
        idle_until = now() + _LAST_REQUEST_SECONDS
        deadline = now() + self.limits.drain_seconds
        await asyncio.sleep(_POLL_SECONDS)  # connections accepted just now are not served yet
        while (self.served or self.handshakes) and now() < deadline:
            if now() > idle_until:
                for connection in [c for c in self.served if not c.busy]:
                    connection.force_close()
            await asyncio.sleep(_POLL_SECONDS)

    def refuse(self, transport: asyncio.Transport) -> None:
        """Send the refusal of a connection, and close it soon.

        Not at once: the client's data stay unread, and closing on them would reset the connection
        before the client has read the refusal. Up to ``max_connections`` may leave like this;
        further ones are closed without a response.
        """
        self._leaving += 1
        if self._leaving > self.limits.max_connections:
            transport.abort()
            return
        request_id = self.instrumentation.record_refused_connection(Problem.TOO_MANY_CONNECTIONS)
        transport.write(render(self._refusal, encode_field(REQUEST_ID, request_id)))
        if transport.can_write_eof():  # not in TLS
            transport.write_eof()
        self._running_loop.call_later(_LINGER_SECONDS, transport.abort)

    def release_refused(self) -> None:
        """Free the place of a refused connection that has closed."""
        self._leaving -= 1


async def build_server(
    application: web.Application,
    limits: HttpLimits,
    *,
    tls: ServerTls | None = None,
    instrumentation: HttpInstrumentation | None = None,
    hot: HotRequests | None = None,
) -> Server:
    """Return a server; calling it makes the protocol of one connection.

    *hot* requests are answered in the fast lane; None: all are answered by *application*.
    """
    runner = web.AppRunner(application)
    await runner.setup()
    built = cast(web.Server, runner.server)
    return Server(built, limits, tls, instrumentation or HttpInstrumentation(), hot)


@asynccontextmanager
async def open_server(
    application: web.Application,
    host: str,
    port: int,
    limits: HttpLimits | None = None,
    *,
    tls: ServerTls | None = None,
    shared_port: bool = False,
    instrumentation: HttpInstrumentation | None = None,
    hot: HotRequests | None = None,
) -> AsyncIterator[None]:
    """Serve until left; then stop accepting, and answer the requests in flight and on their way.

    *instrumentation* records what no route refuses: malformed HTTP, and connections. *hot*
    requests are answered in the fast lane; None: all are answered by *application*.

    With *tls* the port speaks TLS only. With *shared_port* other processes may listen on the same
    port, and the kernel distributes the connections (SO_REUSEPORT). Raises ConfigError.
    """
    if http_parser.HttpRequestParser is not http_parser.HttpRequestParserC:
        raise ConfigError(["aiohttp's C parser is missing; its Python parser has known flaws"])
    limits = limits or HttpLimits()
    server = await build_server(
        application, limits, tls=tls, instrumentation=instrumentation, hot=hot
    )
    runner = web.ServerRunner(server, shutdown_timeout=limits.drain_seconds)
    await runner.setup()
    try:
        async with AsyncExitStack() as listening:
            try:
                for address in addresses_of(host):
                    if server.handshakes is not None:
                        listeners = open_listeners(
                            *(server.handshakes, address, port, BACKLOG, server.has_room),
                            shared_port=shared_port,
                        )
                        await listening.enter_async_context(listeners)
                    else:
                        site = web.TCPSite(
                            *(runner, address, port),
                            backlog=BACKLOG,
                            reuse_port=shared_port or None,
                        )
                        await site.start()
                        listening.push_async_callback(site.stop)
            except OSError as error:
                raise ConfigError([f"cannot listen on {host}:{port}: {error.strerror}"]) from error
            yield
            await server.accept_backlog()
        await server.drain()
    finally:
        if server.handshakes is not None:
            await server.handshakes.end()
        await runner.cleanup()
