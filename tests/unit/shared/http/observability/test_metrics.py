"""The metrics of requests, whose label values never come from a client."""

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from shared.errors import NodeFullError
from shared.http.application import OPEN, ROUTES, Route, build_application
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.http.observability.metrics import BOUNDS, METHODS, OTHER_METHOD, HttpMetrics
from shared.http.problems import HttpProblem
from shared.problems import Problem
from tests.fakes.requests import ask

SECONDS = "http_server_request_duration_seconds"
MARK = "marked"
"""A part of everything that a client sends here."""


class Served:
    """An application with its metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.instrumentation = HttpInstrumentation(self.registry)
        self.app = build_application(
            [
                Route("GET", "/domains/{domain}", self.answer, OPEN),
                Route("GET", "/full", self.full, OPEN),
                Route("GET", "/defect", self.defect, OPEN),
            ],
            instrumentation=self.instrumentation,
        )
        self.active: list[float | None] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer, or refuse a text that is not a domain."""
        self.active.append(self.value("http_server_active_requests", http_request_method="GET"))
        if "." not in request.match_info["domain"]:
            raise HttpProblem(Problem.EMPTY_DOMAIN)
        return web.Response()

    async def full(self, _: web.Request) -> web.StreamResponse:
        """Refuse for now."""
        raise NodeFullError("full")

    async def defect(self, _: web.Request) -> web.StreamResponse:
        """Fail with a defect."""
        raise LookupError("a defect")

    def value(self, name: str, **labels: str) -> float | None:
        """Return a sample."""
        return self.registry.get_sample_value(name, labels)

    def requests(self, method: str, route: str, status: int, error_type: str = "") -> float | None:
        """Return how many requests were counted with these labels."""
        return self.value(
            f"{SECONDS}_count",
            http_request_method=method,
            http_route=route,
            http_response_status_code=str(status),
            error_type=error_type,
        )


async def test_a_request_is_counted_by_its_template_and_its_status() -> None:
    """Once each, refused ones with their problem code; none is active at the end."""
    served = Served()
    for target in ("/domains/a.example", "/domains/b.example", "/domains/a", "/full", "/nothing"):
        await ask(served.app, "GET", target)
    await ask(served.app, "HEAD", "/domains/a.example")
    with pytest.raises(LookupError):
        await ask(served.app, "GET", "/defect")

    template = "/domains/{domain}"
    assert served.requests("GET", template, 200) == 2
    assert served.requests("HEAD", template, 200) == 1
    assert served.requests("GET", template, 400, "empty_domain") == 1
    assert served.requests("GET", "/full", 503, "node_full") == 1
    assert served.requests("GET", "/defect", 500, "internal_error") == 1
    assert served.requests("GET", "", 404, "unknown_path") == 1
    assert served.active == [1, 1, 1, 0]
    assert served.value("http_server_active_requests", http_request_method="GET") == 0


async def test_a_response_without_a_problem_is_not_a_refusal() -> None:
    """A probe reads "not ready" every second: that is neither logged nor an error."""

    async def not_ready(_: web.Request) -> web.StreamResponse:
        return web.Response(status=503)

    registry = CollectorRegistry()
    instrumentation = HttpInstrumentation(registry)
    with capture_logs() as lines:
        await ask(
            build_application(
                [Route("GET", "/readyz", not_ready, OPEN)], instrumentation=instrumentation
            ),
            "GET",
            "/readyz",
        )

    assert lines == []
    samples = [sample for family in registry.collect() for sample in family.samples]
    assert {sample.labels.get("error_type", "") for sample in samples} == {""}


async def test_no_label_comes_from_a_client() -> None:
    """Whatever method, path, query or header it sends: label values come from our lists."""
    served = Served()
    headers = {"X-Request-Id": MARK, "User-Agent": MARK}
    for method, target in (
        ("GET", f"/domains/{MARK}.example?{MARK}"),
        ("GET", f"/domains/{MARK}"),
        ("GET", f"/{MARK}"),
        (MARK.upper(), "/full"),
        (MARK.upper(), f"/{MARK}"),
    ):
        await ask(served.app, method, target, None, headers)

    routes = {route.path for route in served.app[ROUTES].values()} | {""}
    seen = [sample for family in served.registry.collect() for sample in family.samples]
    assert len(seen) > 50
    for sample in seen:
        assert MARK not in str(sample.labels).lower()
        assert sample.labels.get("http_route", "") in routes
        assert sample.labels.get("http_request_method", "GET") in {*METHODS, OTHER_METHOD}
    assert served.requests(OTHER_METHOD, "", 405, "method_not_allowed") == 1


def test_a_duration_is_in_the_first_bucket_that_holds_it() -> None:
    """Buckets are cumulative, and include their bound."""
    registry, metrics = CollectorRegistry(), HttpMetrics()
    registry.register(metrics)
    for seconds in (0.0, BOUNDS[0], BOUNDS[0] * 1.01, BOUNDS[-1] + 1):
        metrics.route("GET", "/").record(200, seconds)

    labels = {
        "http_request_method": "GET",
        "http_route": "/",
        "http_response_status_code": "200",
        "error_type": "",
    }

    def bucket(le: str) -> float | None:
        return registry.get_sample_value(f"{SECONDS}_bucket", {**labels, "le": le})

    assert [bucket(le) for le in ("0.005", "0.01", "10.0", "+Inf")] == [2, 3, 3, 4]
    total = registry.get_sample_value(f"{SECONDS}_sum", labels)
    assert total == pytest.approx(2.01 * BOUNDS[0] + BOUNDS[-1] + 1)
