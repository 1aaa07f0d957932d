"""Observe an HTTP server: metrics, traces, and log lines for refusals."""

from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CollectorRegistry

from shared.http.observability.metrics import NO_ROUTE, HttpMetrics, RouteMetrics
from shared.http.observability.refusal_log import RefusalLog
from shared.http.observability.request_ids import id_of, new_id
from shared.problems import Problem

if TYPE_CHECKING:
    from shared.telemetry.spans import Spans


class HttpInstrumentation:
    """The metrics, spans and refusal log of one server.

    The metrics are exported if there is a *registry*; *spans* is None if requests are not traced.
    """

    def __init__(
        self, registry: CollectorRegistry | None = None, spans: "Spans | None" = None
    ) -> None:
        self.metrics = HttpMetrics()
        self.spans = spans
        self._log = RefusalLog()
        if registry is not None:
            registry.register(self.metrics)

    def log_refusal(
        self, request: web.BaseRequest, route: RouteMetrics, status: int, code: str
    ) -> None:
        """Log that *request* was refused with the problem of *code*."""
        if self._log.permits(code):
            self._log.write(code, status, route.method, route.route, id_of(request))

    def record_refused_connection(self, problem: Problem) -> str:
        """Count and log a refused connection; return a request id for its answer."""
        request_id = new_id()
        self.metrics.connections_refused += 1
        if self._log.permits(problem.code):
            self._log.write(problem.code, problem.status, NO_ROUTE, NO_ROUTE, request_id)
        return request_id
