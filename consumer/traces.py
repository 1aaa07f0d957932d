"""Tell of traced events on their way from a record to a counter."""

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
"""Of one partition; of more nothing is told."""
MAX_SECONDS = 60.0
"""An event that is not counted by then, be it a duplicate, is told of as it is."""


@dataclass(frozen=True, slots=True)
class _Traced:
    span: "Span"
    offset: int
    since: float


class PartitionTraces:
    """The traced events of the log *topic*/*partition* that are read and not counted yet."""

    def __init__(
        self, spans: "Spans", topic: str, partition: int, clock: Callable[[], float]
    ) -> None:
        self._spans = spans
        self._clock = clock
        self._name = f"process {topic}"
        self._place: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(partition),
        }
        self._open: dict[str, _Traced] = {}

    def start_spans(self, records: Iterable[Record], next_offset: int) -> None:
        """Begin to tell of those *records*, from *next_offset* on, that are traced."""
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
                    place = {**self._place, "messaging.kafka.offset": record.offset}
                    parent = value.decode("ascii", "replace")
                    span = self._spans.continue_trace(parent, self._name, place)
                    if span is not None:
                        self._open[domain] = _Traced(span, record.offset, now)

    @contextmanager
    def trace_write(self, end_offsets: Mapping[DomainName, int]) -> Iterator[None]:
        """Tell of a write that counts of each domain what is below an offset.

        That is told if a traced event is in it; then this event is counted.
        """
        counted = [
            (domain, traced.span)
            for domain, offset in end_offsets.items()
            if (traced := self._open.get(domain)) is not None and traced.offset < offset
        ]
        if not counted:
            yield
            return
        about: dict[str, str | int] = {
            "db.system.name": "cassandra",
            "db.operation.batch.size": len(end_offsets),
        }
        with self._spans.linked_span([span for _, span in counted], "write counters", about):
            yield
        for domain, span in counted:
            self._open.pop(domain, None)
            span.end()

    def end_all(self) -> None:
        """Tell of what is left, which another worker will count."""
        self._end_older_than(self._clock() + 1)

    def _end_older_than(self, moment: float) -> None:
        for domain, traced in list(self._open.items()):  # the oldest first
            if traced.since >= moment:
                break
            del self._open[domain]
            traced.span.end()
