"""See what a server of HTTP does: count its requests, and tell of those that it refuses."""

from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CollectorRegistry

from shared.http.metrics import NO_ROUTE, HttpMeters, RouteMeter
from shared.http.problems import code_of
from shared.http.refusal_log import RefusalLog
from shared.http.request_ids import id_of, new_id
from shared.problems import Problem

if TYPE_CHECKING:
    from shared.telemetry.spans import Spans


class HttpWatch:
    """What watches one server; where there is no *registry*, nobody asks what it has counted.

    *spans* tells of requests, where they are traced.
    """

    def __init__(
        self, registry: CollectorRegistry | None = None, spans: "Spans | None" = None
    ) -> None:
        self.meters = HttpMeters()
        self.spans = spans
        self._log = RefusalLog()
        if registry is not None:
            registry.register(self.meters)

    def refused(
        self, request: web.BaseRequest, meter: RouteMeter, response: web.StreamResponse
    ) -> None:
        """Log that *request* was refused with *response*, unless it has no problem code."""
        code = code_of(response)
        if code is not None and self._log.wants(code):
            self._log.tell(code, response.status, meter.method, meter.route, id_of(request))

    def turned_away(self, problem: Problem) -> str:
        """Note that a connection is refused; return a name for what it would have asked."""
        request_id = new_id()
        code = problem.code
        self.meters.connections_refused += 1
        if self._log.wants(code):
            self._log.tell(code, problem.status, NO_ROUTE, NO_ROUTE, request_id)
        return request_id
