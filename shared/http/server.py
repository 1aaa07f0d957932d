"""Serve HTTP on aiohttp's low-level server, within limits, with an orderly end."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

import structlog
from aiohttp import http_parser, web
from aiohttp.web_protocol import RequestHandler

from shared.errors import ConfigError
from shared.http.metrics import OTHER_METHOD
from shared.http.prebuilt import PrebuiltResponse, render
from shared.http.problems import build_problem
from shared.http.request_ids import REQUEST_ID, id_of, id_to_answer
from shared.http.tls import Handshakes, ServerTls, open_listeners
from shared.http.watch import HttpWatch
from shared.problems import Problem

log = structlog.stdlib.get_logger(__name__)

MAX_LINE_BYTES = 4096
MAX_HEADERS = 64
BACKLOG = 4096
_JITTER = 0.2
_LINGER_SECONDS = 1.0
_LAST_REQUEST_SECONDS = 0.5
"""For a client's next request when the server ends: it is answered, and told to be the last."""
_LOOK_SECONDS = 0.01
_HSTS = "max-age=31536000"
"""A browser that was here once comes back by https alone."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What a server puts up with."""

    max_connections: int = 10_000
    """Who comes beyond it is told so and turned away. As many again may be on their way in or
    out: in TLS' handshake, or about to read that there is no room."""
    idle_seconds: float = 60.0
    """For a connection without a request, or with one that does not come to its end
    (aiohttp >= 3.14.4)."""
    connection_seconds: float = 300.0
    """About this long after it was opened a connection ends with its next answer, so that
    clients spread over new nodes too."""
    drain_seconds: float = 10.0
    """For the requests in hand when the server ends."""


class _Connection(RequestHandler):
    """aiohttp's connection, with refusals in our form and no traceback per bad request."""

    __slots__ = ("_ends_at", "_server", "_turned_away")

    def __init__(self, server: "Server", loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            # The field's own type wants a logger; None is documented to switch it off.
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=server.limits.idle_seconds,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
            # Bodies are inflated by `shared.http.bodies`, which knows how much they may become.
            auto_decompress=False,
        )
        self._server = server
        self._turned_away = False
        share = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 nothing is to be guessed
        self._ends_at = loop.time() + share * server.limits.connection_seconds

    @property
    def busy(self) -> bool:
        """Whether a request is being answered, its body perhaps still on its way."""
        return self._request_in_progress

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if len(self._server.served) < self._server.limits.max_connections:
            self._server.served.add(self)
            super().connection_made(transport)
            return
        self._turned_away = True
        # Not all transports are of that class by name: uvloop's is not.
        self._server.turn_away(cast(asyncio.Transport, transport))

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._turned_away:
            self._server.gone()
        else:
            self._server.served.discard(self)
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._turned_away:
            super().data_received(data)

    def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Any:
        """Send *resp*, and end with it a connection that is old enough, or a server's last."""
        is_prebuilt = isinstance(resp, PrebuiltResponse)
        if self._server.handshakes is not None and not is_prebuilt:
            resp.headers.setdefault("Strict-Transport-Security", _HSTS)
        if self._server.draining or self._loop.time() > self._ends_at:
            if isinstance(resp, PrebuiltResponse):
                resp = resp.build()
                is_prebuilt = False
            resp.force_close()
        if not is_prebuilt and not resp.prepared:  # else it has been said
            request_id = id_to_answer(request, resp.status)
            if request_id is not None:
                resp.headers[REQUEST_ID] = request_id
        return super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 it echoes input
    ) -> web.StreamResponse:
        watch = self._server.watch
        meter = watch.meters.unrouted(OTHER_METHOD)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # aiohttp makes 504 of a TimeoutError that a handler lets through, and keeps it back.
            log.error("handler failed", exc_info=exc or True, request_id=id_of(request))
            response = build_problem(Problem.INTERNAL_ERROR)
        else:
            response = build_problem(Problem.MALFORMED_REQUEST)
            # Neither its method nor its beginning is known.
            meter.ended(response.status, 0.0, Problem.MALFORMED_REQUEST.code)
        watch.refused(request, meter, response)
        response.force_close()
        return response


class Server(web.Server):
    """aiohttp's server, made of our connections."""

    def __init__(
        self, answer: "Answer", limits: HttpLimits, tls: ServerTls | None, watch: HttpWatch
    ) -> None:
        super().__init__(answer)
        self.limits = limits
        self.watch = watch
        watch.meters.connections = lambda: len(self.served)
        self._running_loop = asyncio.get_running_loop()
        self.draining = False
        self.served: set[_Connection] = set()
        self.handshakes = None if tls is None else Handshakes(self, tls)
        self._leaving = 0
        response = build_problem(Problem.TOO_MANY_CONNECTIONS)
        response.force_close()
        self._refusal = response

    def __call__(self) -> RequestHandler:
        """Return the protocol of a new connection."""
        return _Connection(self, self._running_loop)

    def has_room(self) -> bool:
        """Whether one more may shake hands, if only to be told that there is no room."""
        coming = 0 if self.handshakes is None else len(self.handshakes)
        return len(self.served) + coming + self._leaving < 2 * self.limits.max_connections

    async def drain(self) -> None:
        """Let each connection end with its next answer; return when all have ended.

        Those that ask nothing are closed after a moment: at once would reset those whose next
        request is on its way. Whose body is still coming is waited for, within the limit.
        """
        self.draining = True
        now = self._running_loop.time
        no_more = now() + _LAST_REQUEST_SECONDS
        give_up = now() + self.limits.drain_seconds
        while (self.served or self.handshakes) and now() < give_up:
            if now() > no_more:
                for connection in [c for c in self.served if not c.busy]:
                    connection.force_close()
            await asyncio.sleep(_LOOK_SECONDS)

    def turn_away(self, transport: asyncio.Transport) -> None:
        """Say that there is no room, and close soon.

        Not at once: what the client has sent is not read, and closing upon it would reset the
        connection before the client has read the answer. As many as may be served may leave
        like this; beyond, nothing is said.
        """
        self._leaving += 1
        if self._leaving > self.limits.max_connections:
            transport.abort()
            return
        request_id = self.watch.turned_away(Problem.TOO_MANY_CONNECTIONS)
        transport.write(render(self._refusal, request_id))
        if transport.can_write_eof():  # not in TLS
            transport.write_eof()
        self._running_loop.call_later(_LINGER_SECONDS, transport.abort)

    def gone(self) -> None:
        """Note that one who was turned away has left."""
        self._leaving -= 1


Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def build_server(
    answer: Answer,
    limits: HttpLimits,
    *,
    tls: ServerTls | None = None,
    watch: HttpWatch | None = None,
) -> Server:
    """Return a server; called, it makes the protocol of one connection."""
    return Server(answer, limits, tls, watch or HttpWatch())


@asynccontextmanager
async def open_server(
    answer: Answer,
    host: str,
    port: int,
    limits: HttpLimits | None = None,
    *,
    tls: ServerTls | None = None,
    shared_port: bool = False,
    watch: HttpWatch | None = None,
) -> AsyncIterator[None]:
    """Serve until left; then stop accepting, answer what is in hand and what is on its way.

    *watch* sees what is refused before there is a request to answer: bad HTTP, connections.

    With *tls* nothing else is spoken. With *shared_port* other processes may listen on the port
    too, and the kernel deals the connections out (SO_REUSEPORT).
    """
    if http_parser.HttpRequestParser is not http_parser.HttpRequestParserC:
        raise ConfigError(["aiohttp's C parser is missing; the Python one has known holes"])
    limits = limits or HttpLimits()
    server = build_server(answer, limits, tls=tls, watch=watch)
    runner = web.ServerRunner(server, shutdown_timeout=limits.drain_seconds)
    await runner.setup()
    try:
        async with AsyncExitStack() as listening:
            try:
                if server.handshakes is not None:
                    listeners = open_listeners(
                        *(server.handshakes, host, port, BACKLOG, server.has_room),
                        shared_port=shared_port,
                    )
                    await listening.enter_async_context(listeners)
                else:
                    site = web.TCPSite(
                        runner, host, port, backlog=BACKLOG, reuse_port=shared_port or None
                    )
                    await site.start()
                    listening.push_async_callback(site.stop)
            except OSError as error:
                raise ConfigError([f"cannot listen on {host}:{port}: {error.strerror}"]) from error
            yield
        await server.drain()
    finally:
        if server.handshakes is not None:
            await server.handshakes.end()
        await runner.cleanup()
