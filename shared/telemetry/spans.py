"""The spans of one process, by OpenTelemetry.

A request becomes a span if its sender traces it (W3C ``traceparent``), or by chance. Its record
carries a ``traceparent`` too, and the worker that counts the record continues the trace. Nothing
here blocks: a thread of OpenTelemetry sends the spans that have ended.
"""

import math
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_SEND_SECONDS = 2.0
_FIRST_FAILURE = 500
_propagator = TraceContextTextMapPropagator()

Attributes = Mapping[str, str | int]


class Response(Protocol):
    """The part of a response that a span records."""

    @property
    def status(self) -> int:
        """The HTTP status."""


R = TypeVar("R", bound=Response)


class Spans:
    """Starts the spans of one process."""

    def __init__(self, provider: TracerProvider, tracer: Tracer, ratio: float) -> None:
        self._provider = provider
        self._tracer = tracer
        self._ratio = ratio
        self._untraced = self._draw()

    @property
    def is_due(self) -> bool:
        """Whether chance traces the next request that has no trace of its own."""
        return self._untraced == 0

    def pass_over(self) -> None:
        """Count a request that is not traced."""
        self._untraced -= 1

    def _draw(self) -> float:
        """Return how many requests are not traced before the next one that is."""
        if self._ratio <= 0:
            return math.inf
        if self._ratio >= 1:
            return 0
        chance = 1 - random.random()  # noqa: S311 a sample, not a secret
        return int(math.log(chance) / math.log1p(-self._ratio))

    async def trace_request(
        self,
        method: str,
        route: str,
        traceparent: str | None,
        respond: Callable[[], Awaitable[R]],
    ) -> R:
        """Return the response of *respond*; record a span for the request if it is traced.

        *traceparent* is what the sender has sent. Without it, chance decides.
        """
        if traceparent is None:
            if not self.is_due:
                self.pass_over()
                return await respond()
            self._untraced = self._draw()
        with self._tracer.start_as_current_span(
            f"{method} {route}",
            _parse(traceparent or ""),
            SpanKind.SERVER,
            {"http.request.method": method, "http.route": route},
        ) as span:
            response = await respond()
            span.set_attribute("http.response.status_code", response.status)
            if response.status >= _FIRST_FAILURE:
                span.set_status(StatusCode.ERROR)
            return response

    def current_traceparent(self) -> str | None:
        """Return the ``traceparent`` of the current request, or None if it is not traced."""
        now = trace.get_current_span().get_span_context()
        if not now.trace_flags.sampled:
            return None
        return f"00-{now.trace_id:032x}-{now.span_id:016x}-01"

    def continue_trace(self, traceparent: str, name: str, attributes: Attributes) -> Span | None:
        """Start a span whose parent is in another process; return None if that is not traced."""
        context = _parse(traceparent)
        if not trace.get_current_span(context).get_span_context().trace_flags.sampled:
            return None
        return self._tracer.start_span(name, context, SpanKind.CONSUMER, attributes)

    @contextmanager
    def linked_span(
        self, parents: Sequence[Span], name: str, attributes: Attributes
    ) -> Iterator[None]:
        """Record one span for work done for several: a child of the first, linked to the rest."""
        links = [Link(parent.get_span_context()) for parent in parents[1:]]
        context = trace.set_span_in_context(parents[0])
        with self._tracer.start_as_current_span(
            name, context, SpanKind.CLIENT, dict(attributes), links, record_exception=False
        ):
            yield

    def close(self) -> None:
        """Send the remaining spans and end the thread. Blocks until the collector answers."""
        self._provider.shutdown()


def build_spans(endpoint: str, ratio: float, service: str) -> Spans:
    """Return the spans of *service*, which are sent to *endpoint*."""
    provider = TracerProvider(
        # `trace_request` has already sampled.
        ParentBased(ALWAYS_ON),
        Resource.create({"service.name": service}),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint, timeout=_SEND_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Spans(provider, provider.get_tracer("catchall"), ratio)


def _parse(traceparent: str) -> Context:
    return _propagator.extract({"traceparent": traceparent})
