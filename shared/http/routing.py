"""Bring a request to its handler, and say every refusal as a problem (RFC 9457)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from time import perf_counter
from typing import Final, NamedTuple
from urllib.parse import unquote

from aiohttp import web
from multidict import istr

from shared.http.metrics import NO_ERROR, RouteMeter
from shared.http.problems import REFUSALS, HttpProblem, code_of, respond_to
from shared.http.watch import HttpWatch
from shared.model.record import TRACEPARENT
from shared.model.scope import Scope
from shared.problems import Problem

_FIRST_REFUSAL = 400
_TRACEPARENT = istr(TRACEPARENT)

Handler = Callable[..., Awaitable[web.StreamResponse]]


def is_known(request: web.BaseRequest, tag: str) -> bool:
    """Whether the client has what is named by *tag*, an entity tag without its quotes.

    Compared weakly, that is by their values alone (RFC 9110, 13.1.2).
    """
    asked = request.headers.get("If-None-Match")
    if asked is None:
        return False
    return asked.strip() == "*" or any(each.value == tag for each in request.if_none_match or ())


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path of literals and ``{names}``, who answers, and whom.

    The handler gets the request and the decoded value of each ``{name}`` in order.
    """

    method: str
    path: str
    handler: Handler
    scope: Scope | None
    """What a key must be good for to ask; ``OPEN`` needs none. Nothing is open by default."""
    events: int = 0
    """How many events a request reports, where that is known before it is read."""
    open_if: Callable[[web.BaseRequest], bool] | None = None
    """Which requests need no key all the same."""
    draw_refusal: Callable[[web.BaseRequest, HttpProblem], web.StreamResponse] | None = None
    """How who has no key is refused, if not by a problem."""


OPEN: Final = None
Guard = Callable[[Route], Handler]
"""Returns the handler of a route, behind a check of who asks."""


class _Endpoint(NamedTuple):
    """Who answers, and where it is counted."""

    handler: Handler
    meter: RouteMeter


def _endpoint(method: str, path: str, handler: Handler, watch: HttpWatch) -> _Endpoint:
    """Return *handler* with its meter; where requests are traced, each of its is a span."""
    meter, spans = watch.meters.route(method, path), watch.spans
    if spans is None:
        return _Endpoint(handler, meter)

    async def answer(request: web.BaseRequest, *values: str) -> web.StreamResponse:
        try:
            return await handler(request, *values)
        except REFUSALS as error:
            return respond_to(error)  # by now, so that its span has a status

    async def traced(request: web.BaseRequest, *values: str) -> web.StreamResponse:
        traceparent = request.headers.get(_TRACEPARENT)
        return await spans.trace_request(
            method, path, traceparent, partial(answer, request, *values)
        )

    return _Endpoint(traced, meter)


class _Shape:
    """The routes whose paths have their literals at the same places."""

    def __init__(self, is_literal: Sequence[bool]) -> None:
        literals = [index for index, literal in enumerate(is_literal) if literal]
        self._literals = itemgetter(*literals)
        self._parameters = [index for index, literal in enumerate(is_literal) if not literal]
        self._endpoints: dict[object, dict[str, _Endpoint]] = {}

    def add(
        self, segments: Sequence[str], route: Route, handler: Handler, watch: HttpWatch
    ) -> None:
        endpoints = self._endpoints.setdefault(self._literals(segments), {})
        endpoints[route.method] = _endpoint(route.method, route.path, handler, watch)
        if route.method == "GET":
            endpoints.setdefault("HEAD", _endpoint("HEAD", route.path, handler, watch))

    def endpoints(self, segments: Sequence[str]) -> dict[str, _Endpoint] | None:
        return self._endpoints.get(self._literals(segments))

    def values(self, segments: Sequence[str]) -> list[str]:
        return [
            unquote(segments[i], errors="surrogateescape") if "%" in segments[i] else segments[i]
            for i in self._parameters
        ]


class Router:
    """Find the handler of a request, turn what it raises into a problem, and let *watch* see it.

    *guard* stands before each handler; without it whoever reaches the port is answered.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        guard: Guard | None = None,
        watch: HttpWatch | None = None,
    ) -> None:
        self.routes = tuple(routes)
        self._watch = watch = watch or HttpWatch()
        # By number of segments, so that a request compares with its equals only.
        self._shapes: dict[int, list[_Shape]] = {}
        by_places: dict[tuple[bool, ...], _Shape] = {}
        for route in routes:
            segments = route.path.split("/")
            places = tuple(not segment.startswith("{") for segment in segments)
            if places not in by_places:
                shape = by_places[places] = _Shape(places)
                self._shapes.setdefault(len(segments), []).append(shape)
            handler = route.handler if guard is None else guard(route)
            by_places[places].add(segments, route, handler, watch)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer *request*."""
        began_at = perf_counter()
        try:
            endpoint, values = self._find(request)
        except HttpProblem as error:
            response = respond_to(error)
            meter = self._watch.meters.unrouted(request.method)
            meter.ended(response.status, perf_counter() - began_at, error.problem.code)
            self._watch.refused(request, meter, response)
            return response
        handler, meter = endpoint
        meter.active += 1
        status, error_type = 500, "internal_error"  # unless the handler returns
        try:
            try:
                answer = await handler(request, *values)
            except REFUSALS as error:
                answer = respond_to(error)
            status, error_type = answer.status, NO_ERROR
            if status >= _FIRST_REFUSAL:
                error_type = code_of(answer) or NO_ERROR
        finally:
            meter.active -= 1
            meter.ended(status, perf_counter() - began_at, error_type)
        if status >= _FIRST_REFUSAL:
            self._watch.refused(request, meter, answer)
        return answer

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
