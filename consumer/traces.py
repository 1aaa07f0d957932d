"""Record spans for traced events, from the record to the counter."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from consumer.kafka.record_source import Record
from shared.model.domain import DomainName
from shared.model.record import TRACEPARENT

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from shared.telemetry.spans import Spans

MAX_OPEN = 1_000
"""Per partition. Further events get no span."""
MAX_SECONDS = 60.0
"""A span ends after this time if its event is not counted, for example a duplicate."""


@dataclass(frozen=True, slots=True)
class _Traced:
    span: "Span"
    offset: int
    since: float


class PartitionTraces:
    """The traced events of one partition that are read and not counted yet."""

    def __init__(
        self, spans: "Spans", topic: str, partition: int, clock: Callable[[], float]
    ) -> None:
        self._spans = spans
        self._clock = clock
        self._name = f"process {topic}"
        self._attributes: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(partition),
        }
        self._open: dict[str, _Traced] = {}

    def start_spans(self, records: Iterable[Record], next_offset: int) -> None:
        """Start a span for each traced record from *next_offset* on."""
        now = self._clock()
        self._end_older_than(now - MAX_SECONDS)
        for record in records:
            if not record.headers or record.offset < next_offset or record.key is None:
                continue
            domain = record.key.decode("ascii", "replace")
            if domain in self._open or len(self._open) >= MAX_OPEN:
                continue
            for name, value in record.headers:
                if name == TRACEPARENT:
                    attributes = {**self._attributes, "messaging.kafka.offset": record.offset}
                    parent = value.decode("ascii", "replace")
                    span = self._spans.continue_trace(parent, self._name, attributes)
                    if span is not None:
                        self._open[domain] = _Traced(span, record.offset, now)

    @contextmanager
    def trace_write(self, end_offsets: Mapping[DomainName, int]) -> Iterator[None]:
        """Record a span for a write; it covers each domain's events below the given offset.

        Without a traced event in the write there is no span. If the write succeeds, the spans
        of its traced events end: they are counted.
        """
        counted = [
            (domain, traced.span)
            for domain, offset in end_offsets.items()
            if (traced := self._open.get(domain)) is not None and traced.offset < offset
        ]
        if not counted:
            yield
            return
        attributes: dict[str, str | int] = {
            "db.system.name": "cassandra",
            "db.operation.batch.size": len(end_offsets),
        }
        with self._spans.linked_span([span for _, span in counted], "write counters", attributes):
            yield
        for domain, span in counted:
            self._open.pop(domain, None)
            span.end()

    def end_all(self) -> None:
        """End all open spans: another worker will count their events."""
        self._end_older_than(self._clock() + 1)

    def _end_older_than(self, moment: float) -> None:
        for domain, traced in list(self._open.items()):  # oldest first
            if traced.since >= moment:
                break
            del self._open[domain]
            traced.span.end()
