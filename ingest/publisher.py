"""Publish events by group commit: while one batch is in flight, the next one fills.

Each partition has one group in flight and one open group. A group holds the events that arrived
while the previous one was in flight, so the batch size follows the load and nothing lingers.
Events of one group are added up where possible (``ingest/event_sums.py``).
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import structlog

from ingest.event_sums import EventSums, max_size_bytes
from ingest.metrics import IngestMetrics
from shared.errors import NodeFullError, OutcomeUnknownError, RetriableError
from shared.kafka.producer import MAX_BATCH_BYTES
from shared.kafka.topic import Topic
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.partitioning import partition_of
from shared.model.record import TRACEPARENT_BYTES

if TYPE_CHECKING:
    from shared.telemetry.spans import Spans

log = structlog.stdlib.get_logger(__name__)


class Acknowledgement(asyncio.Future[RetriableError | None]):
    """The outcome of a group: None once Kafka has it, else the error.

    All requests of the group share it, so none of them can cancel it. An error is a result, not
    an exception: raising one object in thousands of requests would chain their tracebacks. It
    is resolved within the topic's deadline.
    """

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 the interface's
        """Do nothing: other requests wait for the same outcome."""
        return False


class _Group:
    """The events of one batch."""

    __slots__ = ("done", "size_bytes", "sums", "traceparents")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.sums = EventSums()
        self.size_bytes = 0
        self.done = Acknowledgement(loop=loop)
        self.traceparents: dict[tuple[DomainName, EventKind], str] = {}

    def trace(self, domain: DomainName, kind: EventKind, traceparent: str) -> None:
        """Set the trace context of the record of *domain* and *kind*.

        Events that are added up form one record, which continues the first trace among them.
        """
        self.traceparents.setdefault((domain, kind), traceparent)


class Publisher:
    """Publishes events to their partitions while ``run`` runs."""

    def __init__(
        self,
        topic: Topic,
        metrics: IngestMetrics,
        *,
        buckets: int,
        max_batch_age_seconds: float,
        clock: Callable[[], float],
        spans: "Spans | None" = None,
    ) -> None:
        self.partitions = topic.partitions
        self.place = partial(partition_of, partitions=topic.partitions, buckets=buckets)
        """Returns the partition of a domain."""
        self._topic = topic
        self._metrics = metrics
        self._max_age = max_batch_age_seconds
        self._clock = clock
        self._spans = spans
        self._loop = asyncio.get_running_loop()
        self._open: list[_Group | None] = [None] * topic.partitions
        self._sent_at: list[float | None] = [None] * topic.partitions
        self._wake = [asyncio.Event() for _ in range(topic.partitions)]
        self._unanswered: set[Acknowledgement] = set()
        self._closed = False

    def publish(self, event: Event) -> Acknowledgement:
        """Add *event* to its partition's open group; await the result for the outcome.

        Raises NodeFullError if the partition accepts no more; nothing is sent then.
        """
        partition = self.place(event.domain)
        spans = self._spans
        traceparent = None if spans is None else spans.current_traceparent()
        size_bytes = max_size_bytes(event)
        if traceparent is None:
            group = self._group(partition, size_bytes)
        else:
            group = self._group(partition, size_bytes + TRACEPARENT_BYTES)
            group.trace(event.domain, event.kind, traceparent)
        group.sums.count(event)
        return group.done

    def publish_sums(self, partition: int, sums: EventSums) -> Acknowledgement:
        """Add *sums*, all of one partition, as ``publish`` does: all of them or none."""
        spans = self._spans
        traceparent = None if spans is None else spans.current_traceparent()
        if traceparent is None:
            group = self._group(partition, sums.max_size_bytes())
        else:
            group = self._group(partition, sums.max_size_bytes() + TRACEPARENT_BYTES)
            group.trace(*sums.first(), traceparent)  # one record carries the request's trace
        group.sums.merge(sums)
        return group.done

    def has_room(self, event: Event) -> bool:
        """Whether ``publish`` would accept *event*, if it is not traced."""
        return self._obstacle(self.place(event.domain), max_size_bytes(event)) is None

    def _obstacle(self, partition: int, size_bytes: int) -> str | None:
        """Return why the partition accepts no such events now."""
        if self._closed:
            return "This node is stopping."
        sent_at = self._sent_at[partition]
        if sent_at is not None and self._clock() - sent_at > self._max_age:
            return "Kafka is slow to answer for this partition."
        group = self._open[partition]
        if group is not None and group.size_bytes + size_bytes > MAX_BATCH_BYTES:
            return "This partition's next batch is full."
        return None

    def _group(self, partition: int, size_bytes: int) -> _Group:
        """Reserve *size_bytes* in the partition's open group, and return the group."""
        obstacle = self._obstacle(partition, size_bytes)
        if obstacle is not None:
            raise NodeFullError(obstacle)
        group = self._open[partition]
        if group is None:
            group = self._open[partition] = _Group(self._loop)
            self._unanswered.add(group.done)
            self._wake[partition].set()
        group.size_bytes += size_bytes
        return group

    async def run(self) -> None:
        """Flush every partition until cancelled, then resolve every open group."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for partition in range(self.partitions):
                    tasks.create_task(self._flush(partition), name=f"flush-{partition}")
        finally:
            self._closed = True
            for group in self._open:
                if group is not None:
                    self._settle(
                        group, NodeFullError("This node stopped before it sent the events.")
                    )

    async def drain(self, within_seconds: float) -> bool:
        """Accept no more events, and wait for those in flight. Return False if some remain."""
        self._closed = True
        if not self._unanswered:
            return True
        _, late = await asyncio.wait(self._unanswered, timeout=within_seconds)
        return not late

    async def _flush(self, partition: int) -> None:
        wake = self._wake[partition]
        failing = False
        while True:
            await wake.wait()
            wake.clear()
            group = self._open[partition]
            if group is None:
                continue
            records, contexts = group.sums.encode_records(group.traceparents)
            self._open[partition] = None
            self._sent_at[partition] = sent_at = self._clock()
            # The outcome if cancellation or a defect ends this before Kafka's response.
            outcome: RetriableError | None = OutcomeUnknownError(
                "This node stopped before Kafka answered."
            )
            try:
                await self._topic.append(partition, records, contexts)
                outcome = None
            except RetriableError as error:
                outcome = error
            finally:
                self._sent_at[partition] = None
                self._metrics.record_batch(len(records), self._clock() - sent_at)
                self._settle(group, outcome)
            if failing != (outcome is not None):
                failing = not failing
                event = "Kafka fails" if failing else "Kafka answers again"
                log.warning(event, partition=partition, error=str(outcome) if outcome else None)

    def _settle(self, group: _Group, outcome: RetriableError | None) -> None:
        self._unanswered.discard(group.done)
        group.done.set_result(outcome)
