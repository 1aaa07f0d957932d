"""The way of a request in OpenTelemetry's words: what all of our spans are made by.

A request is a span, if its sender traces it (W3C ``traceparent``) or chance picks it. Its record
carries on where it came from in a header of the same name, and the worker that counts it goes on
from there. Nothing here waits: a thread of OpenTelemetry's sends what has ended.
"""

import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from aiohttp import web
from multidict import istr
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.http.metrics import RouteMeter
from shared.model.record import TRACEPARENT

_HEADER = istr(TRACEPARENT)
_SEND_SECONDS = 2.0
_FIRST_FAILURE = 500
_context = TraceContextTextMapPropagator()

Attributes = Mapping[str, str | int]


class Spans:
    """Begins the spans of one process."""

    def __init__(self, provider: TracerProvider, tracer: Tracer, ratio: float) -> None:
        self._provider = provider
        self._tracer = tracer
        self._ratio = ratio

    async def around(
        self,
        request: web.BaseRequest,
        meter: RouteMeter,
        answer: Callable[[], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Return what *answer* does, and tell of it if the request is one to tell of."""
        sent = request.headers.get(_HEADER)
        if sent is None and random.random() >= self._ratio:  # noqa: S311 a sample, not a secret
            return await answer()
        with self._tracer.start_as_current_span(
            f"{meter.method} {meter.route}",
            _context.extract({TRACEPARENT: sent or ""}),
            SpanKind.SERVER,
            {"http.request.method": meter.method, "http.route": meter.route},
        ) as span:
            response = await answer()
            span.set_attribute("http.response.status_code", response.status)
            if response.status >= _FIRST_FAILURE:
                span.set_status(StatusCode.ERROR)
            return response

    def current(self) -> str | None:
        """Return the ``traceparent`` of the request that is being answered, if it is traced."""
        now = trace.get_current_span().get_span_context()
        if not now.trace_flags.sampled:
            return None
        return f"00-{now.trace_id:032x}-{now.span_id:016x}-01"

    def go_on(self, traceparent: str, name: str, attributes: Attributes) -> Span | None:
        """Begin a span after one in another process; None where that is not traced."""
        context = _context.extract({TRACEPARENT: traceparent})
        if not trace.get_current_span(context).get_span_context().trace_flags.sampled:
            return None
        return self._tracer.start_span(name, context, SpanKind.CONSUMER, attributes)

    @contextmanager
    def for_all(self, parents: Sequence[Span], name: str, attributes: Attributes) -> Iterator[None]:
        """Tell of something that is done for several spans: below the first, linked to all."""
        links = [Link(parent.get_span_context()) for parent in parents[1:]]
        below = trace.set_span_in_context(parents[0])
        with self._tracer.start_as_current_span(
            name, below, SpanKind.CLIENT, dict(attributes), links, record_exception=False
        ):
            yield

    def close(self) -> None:
        """Send what is left and end the thread. Waits for the collector."""
        self._provider.shutdown()


def open_spans(endpoint: str, ratio: float, service: str) -> Spans:
    """Return the spans of *service*, which go to *endpoint*."""
    provider = TracerProvider(
        # Chance has been asked before.
        ParentBased(ALWAYS_ON),
        Resource.create({"service.name": service}),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint, timeout=_SEND_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Spans(provider, provider.get_tracer("catchall"), ratio)
