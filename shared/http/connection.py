"""One connection of the server: aiohttp's, with problem documents and limits of its own."""

import asyncio
import random
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import structlog
from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from shared.http.observability.metrics import OTHER_METHOD
from shared.http.observability.request_ids import REQUEST_ID, id_of, id_to_answer
from shared.http.problems import build_problem
from shared.problems import Problem

if TYPE_CHECKING:
    from shared.http.server import Server

log = structlog.stdlib.get_logger(__name__)

MAX_TARGET_BYTES = 8 * 1024
MAX_HEAD_BYTES = 32 * 1024
"""A browser sends the cookies of everything on its host: 4 KiB of them are common."""
MAX_FIELDS = 128
_LINE_END_BYTES = 4
"""The colon, a space, and the end of a header line."""
_TOO_MANY_FIELDS = "Too many headers received"
"""How aiohttp's parser reports that; it has no exception of its own."""
_JITTER = 0.2
HSTS = "max-age=31536000"
"""A browser that has been here uses https from then on."""


class Connection(RequestHandler):
    """aiohttp's connection, with problem documents and without a traceback per bad request."""

    __slots__ = ("_ends_at", "_head_bytes", "_refused", "_server")

    def __init__(self, server: "Server", loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            # Its type demands a logger; None is documented to switch the log off.
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=server.limits.idle_seconds,
            max_line_size=MAX_TARGET_BYTES,
            max_field_size=MAX_HEAD_BYTES,
            max_headers=MAX_FIELDS,
            # `shared.http.bodies` inflates bodies, within a limit.
            auto_decompress=False,
        )
        self._server = server
        self._refused = False
        self._head_bytes = 0
        share = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 no secret
        self._ends_at = loop.time() + share * server.limits.connection_seconds

    @property
    def busy(self) -> bool:
        """Whether a request is in progress; its body may still be arriving."""
        return self._request_in_progress or bool(self._messages)

    @property
    def idle(self) -> bool:
        """Whether the connection waits for the head of a request, or for the rest of it."""
        return self._waiter is not None and not self._waiter.done()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve the connection, or refuse it if there are too many."""
        if len(self._server.served) < self._server.limits.max_connections:
            self._server.served.add(self)
            self._server.instrumentation.metrics.connections_open += 1
            super().connection_made(transport)
            return
        self._refused = True
        # uvloop's transports are not of this class.
        self._server.refuse(cast(asyncio.Transport, transport))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Free the place of the connection."""
        if self._refused:
            self._server.release_refused()
        else:
            self._server.served.discard(self)
            self._server.instrumentation.metrics.connections_open -= 1
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse *data*. aiohttp limits each line and the fields, this limits the head as a whole.

        Behind a request in progress, only heads that have arrived whole are measured.
        """
        if self._refused:
            return
        was_idle, already = self.idle, len(self._messages)
        self._head_bytes = self._head_bytes + len(data) if was_idle else 0
        super().data_received(data)
        if len(self._messages) > already:
            if self._head_bytes > MAX_HEAD_BYTES or not was_idle:
                self._refuse_large_heads()
            self._head_bytes = 0
        elif self._head_bytes > MAX_HEAD_BYTES:
            self._messages.append((_head_too_large(), EMPTY_PAYLOAD))
            if self.idle and self._waiter is not None:
                self._waiter.set_result(None)

    def _refuse_large_heads(self) -> None:
        """Let an error take the place of the first head that is too large."""
        for number, (message, _) in enumerate(self._messages):
            if isinstance(message, RawRequestMessage) and _size_bytes(message) > MAX_HEAD_BYTES:
                self._messages[number] = (_head_too_large(), EMPTY_PAYLOAD)
                return

    def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Any:
        """Send *resp*, and close the connection after it where it must end.

        It ends if it is old or the server ends, and if the body of *request* has not arrived: the
        client may never send it (``Expect: 100-continue``), so where the next request begins is
        not known.
        """
        if isinstance(resp, web.HTTPException):  # aiohttp knows no such ``Expect``
            resp = self.handle_error(request, HTTPStatus.BAD_REQUEST, resp)
        if (
            self._server.draining
            or not request.content.is_eof()
            or self._loop.time() > self._ends_at
        ):
            resp.force_close()
        if not resp.prepared:  # else its headers are sent
            resp.headers.update(self._server.common_headers)
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
        """Return the answer to a request that the parser refused, or whose handler failed."""
        instrumentation = self._server.instrumentation
        metrics = instrumentation.metrics.unrouted(OTHER_METHOD)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            problem = Problem.INTERNAL_ERROR
            # aiohttp turns a TimeoutError of a handler into a 504 and does not pass it here.
            log.error("handler failed", exc_info=exc or True, request_id=id_of(request))
        else:
            problem = _problem_of(exc)
            # Neither its method nor its start is known.
            metrics.record(problem.status, 0.0, problem.code)
        response = build_problem(
            problem,
            problem.explain(
                max_target_bytes=MAX_TARGET_BYTES,
                max_head_bytes=MAX_HEAD_BYTES,
                max_fields=MAX_FIELDS,
            ),
        )
        instrumentation.log_refusal(request, metrics, problem.status, problem.code)
        response.force_close()
        return response


def _size_bytes(message: RawRequestMessage) -> int:
    fields = sum(len(name) + len(value) + _LINE_END_BYTES for name, value in message.raw_headers)
    return len(message.method) + len(message.path) + fields


def _head_too_large() -> _ErrInfo:
    status = Problem.HEAD_TOO_LARGE.status
    return _ErrInfo(status, LineTooLong(b"", MAX_HEAD_BYTES), "")


def _problem_of(error: BaseException | None) -> Problem:
    """Return the problem of a request that the parser refused with *error*."""
    if isinstance(error, LineTooLong):
        _, limit, _ = error.args
        return Problem.TARGET_TOO_LONG if limit == MAX_TARGET_BYTES else Problem.HEAD_TOO_LARGE
    if _TOO_MANY_FIELDS in str(error):
        return Problem.HEAD_TOO_LARGE
    return Problem.MALFORMED_REQUEST
