"""Route a request to its handler, and answer every refusal with a problem document."""

from collections.abc import Awaitable, Callable, Container, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from time import perf_counter
from typing import Final, NamedTuple
from urllib.parse import unquote

from aiohttp import web
from multidict import istr

from shared.http.instrumentation import HttpInstrumentation
from shared.http.metrics import NO_ERROR, RouteMetrics
from shared.http.problems import REFUSALS, HttpProblem, code_of, respond_to
from shared.http.request_rules import check_fields, check_parameters
from shared.model.record import TRACEPARENT
from shared.model.scope import Scope
from shared.problems import Problem

_FIRST_REFUSAL = 400
_TRACEPARENT = istr(TRACEPARENT)

Handler = Callable[..., Awaitable[web.StreamResponse]]


def is_known(request: web.BaseRequest, tag: str) -> bool:
    """Whether the client has the version with *tag*, an entity tag without its quotes.

    The comparison is weak, by value alone (RFC 9110, 13.1.2).
    """
    condition = request.headers.get("If-None-Match")
    if condition is None:
        return False
    return condition.strip() == "*" or any(
        each.value == tag for each in request.if_none_match or ()
    )


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path of literals and ``{names}``, and the handler of its requests.

    The handler gets the request and the decoded value of each ``{name}`` in order.
    """

    method: str
    path: str
    handler: Handler
    scope: Scope | None
    """The scope that an API key must have; ``OPEN`` needs no key. No route is open by default."""
    events: int = 0
    """The events of a request, if their number is known before the request is read."""
    parameters: Container[str] | None = None
    """The query parameters; a request with another one is refused. None: others are ignored."""
    open_if: Callable[[web.BaseRequest], bool] | None = None
    """Returns True for requests that need no key."""
    draw_refusal: Callable[[web.BaseRequest, HttpProblem], web.StreamResponse] | None = None
    """Builds the response for a request without a valid key (default: a problem document)."""


OPEN: Final = None
Guard = Callable[[Route], Handler]
"""Returns the handler of a route, behind a check of the API key."""


class _Endpoint(NamedTuple):
    handler: Handler
    metrics: RouteMetrics
    parameters: Container[str] | None


def _endpoint(
    method: str, route: Route, handler: Handler, instrumentation: HttpInstrumentation
) -> _Endpoint:
    """Return *handler* with its metrics; it records spans where requests are traced."""
    path, parameters = route.path, route.parameters
    metrics, spans = instrumentation.metrics.route(method, path), instrumentation.spans
    if spans is None:
        return _Endpoint(handler, metrics, parameters)

    async def answer(request: web.BaseRequest, *values: str) -> web.StreamResponse:
        try:
            return await handler(request, *values)
        except REFUSALS as error:
            return respond_to(error)  # here, so that the span gets its status

    async def traced(request: web.BaseRequest, *values: str) -> web.StreamResponse:
        traceparent = request.headers.get(_TRACEPARENT)
        return await spans.trace_request(
            method, path, traceparent, partial(answer, request, *values)
        )

    return _Endpoint(traced, metrics, parameters)


class _Shape:
    """The routes whose paths have their literals at the same positions."""

    def __init__(self, is_literal: Sequence[bool]) -> None:
        literals = [index for index, literal in enumerate(is_literal) if literal]
        self._literals = itemgetter(*literals)
        self._parameters = [index for index, literal in enumerate(is_literal) if not literal]
        self._endpoints: dict[object, dict[str, _Endpoint]] = {}

    def add(
        self,
        segments: Sequence[str],
        route: Route,
        handler: Handler,
        instrumentation: HttpInstrumentation,
    ) -> None:
        endpoints = self._endpoints.setdefault(self._literals(segments), {})
        endpoints[route.method] = _endpoint(route.method, route, handler, instrumentation)
        if route.method == "GET":
            endpoints.setdefault("HEAD", _endpoint("HEAD", route, handler, instrumentation))

    def endpoints(self, segments: Sequence[str]) -> dict[str, _Endpoint] | None:
        return self._endpoints.get(self._literals(segments))

    def values(self, segments: Sequence[str]) -> list[str]:
        return [
            unquote(segments[i], errors="surrogateescape") if "%" in segments[i] else segments[i]
            for i in self._parameters
        ]


class Router:
    """Finds the handler of a request, and answers with a problem document where it refuses.

    *guard* checks the API key before each handler; without it every request is permitted.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        guard: Guard | None = None,
        instrumentation: HttpInstrumentation | None = None,
    ) -> None:
        self.routes = tuple(routes)
        self._instrumentation = instrumentation = instrumentation or HttpInstrumentation()
        # By number of segments, so that a request is compared with few of them.
        self._shapes: dict[int, list[_Shape]] = {}
        by_literals: dict[tuple[bool, ...], _Shape] = {}
        for route in routes:
            segments = route.path.split("/")
            is_literal = tuple(not segment.startswith("{") for segment in segments)
            if is_literal not in by_literals:
                shape = by_literals[is_literal] = _Shape(is_literal)
                self._shapes.setdefault(len(segments), []).append(shape)
            handler = route.handler if guard is None else guard(route)
            by_literals[is_literal].add(segments, route, handler, instrumentation)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the response to *request*."""
        began_at = perf_counter()
        try:
            endpoint, values = self._find(request)
        except HttpProblem as error:
            refusal = respond_to(error)
            metrics = self._instrumentation.metrics.unrouted(request.method)
            metrics.record(refusal.status, perf_counter() - began_at, error.problem.code)
            self._instrumentation.log_refusal(request, metrics, refusal)
            return refusal
        handler, metrics, parameters = endpoint
        metrics.active += 1
        status, error_type = 500, "internal_error"  # unless the handler returns
        try:
            try:
                check_fields(request)
                if parameters is not None and "?" in request.raw_path:
                    check_parameters(request, parameters)
                response = await handler(request, *values)
            except REFUSALS as error:
                response = respond_to(error)
            status, error_type = response.status, NO_ERROR
            if status >= _FIRST_REFUSAL:
                error_type = code_of(response) or NO_ERROR
        finally:
            metrics.active -= 1
            metrics.record(status, perf_counter() - began_at, error_type)
        if status >= _FIRST_REFUSAL:
            self._instrumentation.log_refusal(request, metrics, response)
        return response

    def _find(self, request: web.BaseRequest) -> tuple[_Endpoint, list[str]]:
        target = request.raw_path
        # A proxy may send the absolute form (RFC 9112, 3.2.2).
        path = target.partition("?")[0] if target.startswith("/") else request.rel_url.raw_path
        segments = path.split("/")
        allowed: set[str] = set()
        for shape in self._shapes.get(len(segments), ()):
            endpoints = shape.endpoints(segments)
            if endpoints is None:
                continue
            endpoint = endpoints.get(request.method)
            if endpoint is not None:
                return endpoint, shape.values(segments)
            allowed.update(endpoints)
        if not allowed:
            raise HttpProblem(Problem.UNKNOWN_PATH)
        names = ", ".join(sorted(allowed))
        raise HttpProblem(Problem.METHOD_NOT_ALLOWED, {"Allow": names}, methods=names)
