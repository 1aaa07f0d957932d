"""Which requests are traced, and what tracing needs."""

import subprocess
import sys

import pytest
from aiohttp import web
from opentelemetry.trace import StatusCode

from shared.config import EnvironmentReader
from shared.errors import ConfigError, NodeFullError
from shared.http.application import OPEN, Route, build_application
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.http.problems import HttpProblem
from shared.problems import Problem
from shared.telemetry import tracing_config
from shared.telemetry.tracing import open_tracing
from shared.telemetry.tracing_config import TracingConfig
from tests.fakes.requests import ask
from tests.fakes.spans import (
    NOT_TRACED,
    SENDER,
    TRACE,
    TRACEPARENT,
    ListedSpans,
    parent_of,
    trace_of,
)


async def answer(request: web.Request) -> web.StreamResponse:
    """Answer, or refuse."""
    domain = request.match_info["domain"]
    if domain == "full":
        raise NodeFullError("full")
    if domain == "bad":
        raise HttpProblem(Problem.EMPTY_DOMAIN)
    return web.Response()


def traced_application(spans: ListedSpans) -> web.Application:
    """Return an application whose requests are recorded in *spans*."""
    instrumentation = HttpInstrumentation(spans=spans)
    return build_application(
        [Route("GET", "/domains/{domain}", answer, OPEN)], instrumentation=instrumentation
    )


@pytest.mark.parametrize(
    ("domain", "status", "code"),
    [
        ("a.b", 200, StatusCode.UNSET),
        ("bad", 400, StatusCode.UNSET),
        ("full", 503, StatusCode.ERROR),
    ],
)
async def test_a_request_of_a_trace_is_a_span_of_it(
    domain: str, status: int, code: StatusCode
) -> None:
    """Its name is its route; a 4xx is not an error of the span."""
    spans = ListedSpans()
    response = await ask(
        traced_application(spans), "GET", f"/domains/{domain}", None, {"traceparent": TRACEPARENT}
    )

    (span,) = spans.ended
    assert response.status == status
    assert (span.name, trace_of(span), parent_of(span)) == ("GET /domains/{domain}", TRACE, SENDER)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/domains/{domain}",
        "http.response.status_code": status,
    }
    assert span.status.status_code is code


async def test_a_request_whose_sender_does_not_trace_it_is_not_traced() -> None:
    """Whatever the ratio for other requests."""
    spans = ListedSpans(ratio=1.0)
    await ask(traced_application(spans), "GET", "/domains/a.b", None, {"traceparent": NOT_TRACED})

    assert spans.ended == ()


@pytest.mark.parametrize(("ratio", "traced"), [(0.0, 0), (1.0, 2)])
async def test_other_requests_are_sampled(ratio: float, traced: int) -> None:
    """Each starts a new trace."""
    spans = ListedSpans(ratio)
    for _ in range(2):
        await ask(traced_application(spans), "GET", "/domains/a.b")

    assert [parent_of(span) for span in spans.ended] == [None] * traced
    assert len({trace_of(span) for span in spans.ended}) == traced


async def test_a_request_that_is_not_traced_has_no_traceparent() -> None:
    """Without a span, or with a parent that is not sampled."""
    assert ListedSpans().current_traceparent() is None
    assert ListedSpans().continue_trace(NOT_TRACED, "x", {}) is None
    assert ListedSpans().continue_trace("nonsense", "x", {}) is None


async def test_tracing_is_off_by_default() -> None:
    """Without settings there are no spans."""
    async with open_tracing(TracingConfig(), "test") as spans:
        assert spans is None


def test_opentelemetry_is_not_imported_where_tracing_is_off() -> None:
    """The tiers run without the extra."""
    code = (
        "import sys, ingest.__main__, consumer.__main__, query.__main__;"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("missing", ["no_such_module", "no_such_package.module"])
def test_without_the_extra_the_error_names_it(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """At start, together with every other problem of the settings."""
    monkeypatch.setattr(tracing_config, "NEEDED", (*tracing_config.NEEDED, missing))
    monkeypatch.setenv("TRACING_ENDPOINT", "http://127.0.0.1:4318/v1/traces")
    read = EnvironmentReader()
    read(TracingConfig)
    with pytest.raises(ConfigError, match=r"TRACING_ENDPOINT: .*needs the extra `tracing`"):
        read.check()
