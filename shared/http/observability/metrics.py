"""The metrics of an HTTP server, by OpenTelemetry's names. Each metric is declared here once.

Each request is counted once, in the histogram of durations; ``error_type`` is the code of its
problem document, or empty. Counts are plain numbers, rendered at a scrape. No label value comes
from a request: routes are templates, methods are HTTP's, codes are those of our problems.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""In seconds, as OpenTelemetry advises for this histogram."""
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY")
OTHER_METHOD = "_OTHER"
NO_ROUTE = ""
NO_ERROR = ""
_LE = (*map(str, BOUNDS), "+Inf")


class _Durations:
    """The requests of one route that had one outcome."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * len(_LE)
        self.seconds = 0.0


class RouteMetrics:
    """The counts of one method and route."""

    __slots__ = ("_by_outcome", "active", "method", "route")

    def __init__(self, method: str, route: str) -> None:
        self.method = method
        self.route = route
        self.active = 0
        self._by_outcome: dict[tuple[int, str], _Durations] = {}

    def record(self, status: int, seconds: float, error_type: str = NO_ERROR) -> None:
        """Count one request that was answered with *status* after *seconds*.

        *error_type* is the code of the problem document that answered it.
        """
        durations = self._by_outcome.get((status, error_type))
        if durations is None:
            durations = self._by_outcome[status, error_type] = _Durations()
        durations.counts[bisect_left(BOUNDS, seconds)] += 1
        durations.seconds += seconds

    def render(self, family: HistogramMetricFamily) -> None:
        """Add the counts to *family*."""
        for (status, error_type), durations in self._by_outcome.items():
            family.add_metric(
                [self.method, self.route, str(status), error_type],
                list(zip(_LE, accumulate(durations.counts), strict=True)),
                durations.seconds,
            )


class HttpMetrics(Collector):
    """The metrics of one server; a registry that has it exports them."""

    def __init__(self) -> None:
        self._routes: dict[tuple[str, str], RouteMetrics] = {}
        self.connections_refused = 0
        self.connections_open = 0

    def route(self, method: str, route: str) -> RouteMetrics:
        """Return the metrics of a route, the same object at each call."""
        key = (method, route)
        if key not in self._routes:
            self._routes[key] = RouteMetrics(*key)
        return self._routes[key]

    def unrouted(self, method: str) -> RouteMetrics:
        """Return the metrics of requests with *method*, as it was sent, that match no route."""
        return self.route(method if method in METHODS else OTHER_METHOD, NO_ROUTE)

    def collect(self) -> Iterator[Metric]:
        """Return all metrics, for a scrape."""
        durations = HistogramMetricFamily(
            "http_server_request_duration_seconds",
            "Time from the head of a request until its response is ready to be sent.",
            labels=["http_request_method", "http_route", "http_response_status_code", "error_type"],
        )
        active: Counter[str] = Counter()
        for route in self._routes.values():
            route.render(durations)
            active[route.method] += route.active
        yield durations
        requests = GaugeMetricFamily(
            "http_server_active_requests",
            "Requests in progress.",
            labels=["http_request_method"],
        )
        for method, number in active.items():
            requests.add_metric([method], number)
        yield requests
        yield CounterMetricFamily(
            "catchall_http_connections_refused",
            "Connections that were refused because the server had reached its limit.",
            value=self.connections_refused,
        )
        yield GaugeMetricFamily(
            "catchall_http_connections", "Open connections.", value=self.connections_open
        )
