"""Spans in a list instead of a collector."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

from shared.telemetry.spans import Spans

TRACE = "0af7651916cd43dd8448eb211c80319c"
SENDER = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SENDER}-01"
NOT_TRACED = f"00-{TRACE}-{SENDER}-00"


class ListedSpans(Spans):
    """Real spans, exported to a list."""

    def __init__(self, ratio: float = 0.0) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(ParentBased(ALWAYS_ON), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        super().__init__(provider, provider.get_tracer("test"), ratio)

    @property
    def ended(self) -> Sequence[ReadableSpan]:
        """The ended spans, in the order of their ends."""
        return self._exporter.get_finished_spans()


def trace_of(span: ReadableSpan) -> str:
    """Return the trace of *span*."""
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def parent_of(span: ReadableSpan) -> str | None:
    """Return the parent of *span*."""
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def id_of(span: ReadableSpan) -> str:
    """Return the id of *span*: the parent of the spans that continue it."""
    assert span.context is not None
    return f"{span.context.span_id:016x}"
