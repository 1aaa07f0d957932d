"""Serve HTTP on aiohttp's low-level server: routes, problems, limits, an orderly end.

Every refusal is a problem (RFC 9457), the router's and the parser's included.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote

import structlog
from aiohttp import http_parser, web
from aiohttp.web_protocol import RequestHandler

from shared.errors import ConfigError, InputError, RetriableError

log = structlog.stdlib.get_logger(__name__)

MAX_LINE_BYTES = 4096
MAX_HEADERS = 64
KEEPALIVE_SECONDS = 75.0
"""Also the time that a first request may take to arrive (aiohttp >= 3.14.4)."""
RETRY_AFTER_SECONDS = 1
BACKLOG = 4096

Handler = Callable[..., Awaitable[web.StreamResponse]]


class HttpProblem(Exception):  # noqa: N818 RFC 9457 calls it a problem
    """A refusal that a handler raises instead of returning."""

    def __init__(
        self, status: int, code: str, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}


def problem(
    status: int,
    code: str,
    detail: str,
    headers: dict[str, str] | None = None,
    extra: dict[str, object] | None = None,
) -> web.Response:
    """Return a refusal as ``application/problem+json`` (RFC 9457)."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **(extra or {}),
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS), **(headers or {})}
    return web.Response(
        status=status,
        body=json.dumps(body).encode(),
        content_type="application/problem+json",
        headers=headers,
    )


def problem_of(error: Exception) -> web.Response:
    """Return the refusal that *error* deserves; raise it again if it is no refusal."""
    match error:
        case HttpProblem():
            return problem(error.status, error.code, error.detail, error.headers)
        case InputError():
            return problem(400, error.code, error.detail)
        case RetriableError():
            return problem(503, retriable_code(error), str(error))
        case _:
            raise error


def retriable_code(error: RetriableError) -> str:
    """Return the stable code of a failure: ``NodeFullError`` is ``node_full``."""
    name = type(error).__name__.removesuffix("Error")
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path of literals and ``{names}``, and who answers.

    The handler gets the request and the decoded value of each ``{name}`` in order.
    """

    method: str
    path: str
    handler: Handler


class Router:
    """Find the handler of a request and turn what it raises into a problem."""

    def __init__(self, routes: Sequence[Route]) -> None:
        # By number of segments, so that a request compares with its equals only.
        self._routes: dict[int, list[tuple[list[str], Route]]] = {}
        for route in routes:
            segments = route.path.split("/")[1:]
            self._routes.setdefault(len(segments), []).append((segments, route))

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer *request*."""
        try:
            handler, values = self._find(request)
            return await handler(request, *values)
        except (HttpProblem, InputError, RetriableError) as error:
            return problem_of(error)

    def _find(self, request: web.BaseRequest) -> tuple[Handler, list[str]]:
        target = request.raw_path
        # A proxy may send the absolute form (RFC 9112, 3.2.2).
        path = target.partition("?")[0] if target.startswith("/") else request.rel_url.raw_path
        segments = path.split("/")[1:]
        allowed: set[str] = set()
        for pattern, route in self._routes.get(len(segments), ()):
            if any(
                p != s and not p.startswith("{") for p, s in zip(pattern, segments, strict=True)
            ):
                continue
            if request.method == route.method or (
                request.method == "HEAD" and route.method == "GET"
            ):
                values = [
                    unquote(s, errors="surrogateescape") if "%" in s else s
                    for p, s in zip(pattern, segments, strict=True)
                    if p.startswith("{")
                ]
                return route.handler, values
            allowed.add(route.method)
        if not allowed:
            raise HttpProblem(404, "unknown_path", "There is nothing at this path.")
        if "GET" in allowed:
            allowed.add("HEAD")
        names = ", ".join(sorted(allowed))
        raise HttpProblem(
            405, "method_not_allowed", f"This path answers to {names}.", {"Allow": names}
        )


class _Connection(RequestHandler):
    """aiohttp's connection, with refusals in our form and no traceback per bad request."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 the interface's
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 it echoes input
    ) -> web.StreamResponse:
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("handler failed", exc_info=exc)
            response = problem(500, "internal_error", "A defect of this node; it was logged.")
        else:
            response = problem(status, "malformed_request", "This is not well-formed HTTP/1.1.")
        response.force_close()
        return response


class _Server(web.Server):
    """aiohttp's server, made of our connections."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler)
        self._running_loop = asyncio.get_running_loop()

    def __call__(self) -> RequestHandler:
        return _Connection(
            self,
            loop=self._running_loop,
            # The field's own type wants a logger; None is documented to switch it off.
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=KEEPALIVE_SECONDS,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
            # Bodies are inflated by `shared.http_body`, which knows how much they may become.
            auto_decompress=False,
        )


@asynccontextmanager
async def open_server(
    handler: Handler, host: str, port: int, drain_seconds: float = 10.0
) -> AsyncIterator[None]:
    """Serve until left; then stop accepting and wait for the requests in hand."""
    if http_parser.HttpRequestParser is not http_parser.HttpRequestParserC:
        raise ConfigError(["aiohttp's C parser is missing; the Python one has known holes"])
    runner = web.ServerRunner(_Server(handler), shutdown_timeout=drain_seconds)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
        except OSError as error:
            raise ConfigError([f"cannot listen on {host}:{port}: {error.strerror}"]) from error
        yield
    finally:
        await runner.cleanup()
