"""Compose the application of a port: its routes, and the middlewares that each request passes.

From the outside in: metrics and the log of refusals, tracing, problem documents, the rules for
fields and parameters, API keys. The routes of a port are known to all of them.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from multidict import istr

from shared.http.observability.instrumentation import HttpInstrumentation
from shared.http.observability.metrics import NO_ERROR
from shared.http.problems import REFUSALS, HttpProblem, code_of, respond_to
from shared.http.request_rules import check_fields, check_parameters
from shared.model.record import TRACEPARENT
from shared.model.scope import Scope
from shared.problems import Problem

if TYPE_CHECKING:
    from shared.telemetry.spans import Spans

OPEN: Final = None
_TRACEPARENT = istr(TRACEPARENT)
_PLACE = re.compile(r"\{(\w+)\}")
_SEGMENT = r"{\1:[^/]*}"
"""aiohttp's own pattern for a place would not match an empty one."""
_EVERY_PATH = r"/{path:[\s\S]*}"


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path of literals and ``{names}``, and the handler of its requests."""

    method: str
    path: str
    handler: Handler
    scope: Scope | None
    """The scope that an API key must have; ``OPEN`` needs no key. No route is open by default."""
    events: int = 0
    """The events of a request, if their number is known before the request is read."""
    parameters: Container[str] | None = None
    """The query parameters; a request with another one is refused. None: others are ignored."""
    open_if: Callable[[web.Request], bool] | None = None
    """Returns True for requests that need no key."""
    draw_refusal: Callable[[web.Request, HttpProblem], web.StreamResponse] | None = None
    """Builds the response for a request without a valid key (default: a problem document)."""


ROUTES = web.AppKey("ROUTES", dict[web.AbstractRoute, Route])
"""The routes of an application; a route with GET is there twice, also for HEAD."""


def route_of(request: web.Request) -> Route | None:
    """Return the route of *request*; None: its path or its method is refused."""
    return request.app[ROUTES].get(request.match_info.route)


def build_application(
    routes: Iterable[Route],
    guard: Middleware | None = None,
    instrumentation: HttpInstrumentation | None = None,
) -> web.Application:
    """Return the application with *routes*; HEAD is answered wherever GET is.

    *guard* checks the API key before each handler; without it every request is permitted.
    """
    instrumentation = instrumentation or HttpInstrumentation()
    spans = instrumentation.spans
    application = web.Application(
        middlewares=[
            _count(instrumentation),
            *([] if spans is None else [_trace(spans)]),
            _refuse,
            _check,
            *([] if guard is None else [guard]),
        ]
    )
    known = application[ROUTES] = {}
    by_path = defaultdict[str, list[Route]](list)
    for route in routes:
        by_path[route.path].append(route)
    for path, its_routes in by_path.items():
        resource = application.router.add_resource(_PLACE.sub(_SEGMENT, path))
        add = partial(resource.add_route, expect_handler=_wait)
        for route in its_routes:
            known[add(route.method, route.handler)] = route
            if route.method == hdrs.METH_GET:
                known[add(hdrs.METH_HEAD, route.handler)] = route
        add(hdrs.METH_ANY, _refuse_method)
    # aiohttp would ask for the body of a request that it refuses.
    application.router.add_route(hdrs.METH_ANY, _EVERY_PATH, _refuse_path, expect_handler=_wait)
    return application


async def _wait(_: web.Request) -> None:
    """Send no ``100 Continue``: that is for the handler that reads the body."""


async def _refuse_method(request: web.Request) -> web.StreamResponse:
    routes = request.match_info.route.resource or ()
    names = ", ".join(sorted(each.method for each in routes if each.method != hdrs.METH_ANY))
    raise HttpProblem(Problem.METHOD_NOT_ALLOWED, {"Allow": names}, methods=names)


async def _refuse_path(_: web.Request) -> web.StreamResponse:
    raise HttpProblem(Problem.UNKNOWN_PATH)


def _count(instrumentation: HttpInstrumentation) -> Middleware:
    """Count each request once, and log it if it is refused."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        began_at = perf_counter()
        route, method = route_of(request), request.method
        metrics = (
            instrumentation.metrics.unrouted(method)
            if route is None
            else instrumentation.metrics.route(method, route.path)
        )
        metrics.active += 1
        status, error_type = 500, "internal_error"  # unless the handler returns
        try:
            response = await handler(request)
            status, error_type = response.status, code_of(response) or NO_ERROR
        finally:
            metrics.active -= 1
            metrics.record(status, perf_counter() - began_at, error_type)
        if error_type:
            instrumentation.log_refusal(request, metrics, status, error_type)
        return response

    return count


def _trace(spans: "Spans") -> Middleware:
    """Record a span for each request that is traced."""

    @web.middleware
    async def trace(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = route_of(request)
        if route is None:
            return await handler(request)
        traceparent = request.headers.get(_TRACEPARENT)
        respond = partial(handler, request)
        return await spans.trace_request(request.method, route.path, traceparent, respond)

    return trace


@web.middleware
async def _refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with a problem document where a handler refuses."""
    try:
        return await handler(request)
    except REFUSALS as error:
        return respond_to(error)
    except web.HTTPNotFound:  # the target is not a path, but "*"
        return respond_to(HttpProblem(Problem.UNKNOWN_PATH))


@web.middleware
async def _check(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse fields that are there twice, and parameters that the route does not know."""
    route = route_of(request)
    if route is not None:
        check_fields(request)
        if route.parameters is not None:
            check_parameters(request, route.parameters)
    return await handler(request)
