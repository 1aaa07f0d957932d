"""Publish events by group commit: while one batch is out, the next fills.

Per partition there is one group out and one open. The group that is out holds whatever came
while its predecessor was out, so the batch size follows the load by itself and nothing
lingers. Events without a key that meet in a group are added up into one record per domain
and kind: as durable, and a hot domain costs one record.
"""

import asyncio
from collections.abc import Callable

import structlog

from ingest.admission import Admission
from ingest.metrics import IngestMeters
from shared.domain import DomainName
from shared.errors import NodeFullError, OutcomeUnknownError, RetriableError
from shared.event import Event, EventKind
from shared.kafka import MAX_BATCH_BYTES, RECORD_OVERHEAD_BYTES, KeyValue, Topic
from shared.partitioning import partition_of
from shared.record import encode

log = structlog.stdlib.get_logger(__name__)

_MAX_VALUE_BYTES = 80
"""An encoded value: 13 bytes, and a key of at most 64 with its length."""


class Acknowledgement(asyncio.Future[RetriableError | None]):
    """What became of a group: None once it is in Kafka, or why nobody can say so.

    Shared by all requests of the group, so no one of them may cancel it. An error is a
    result, not an exception: raising one object in thousands of requests would chain their
    tracebacks. It is resolved within the topic's deadline.
    """

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 the interface's
        """Refuse."""
        return False


class _Group:
    """The events that go into one batch."""

    __slots__ = ("counts", "done", "events", "keyed", "size_bytes")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.counts: dict[tuple[DomainName, EventKind], int] = {}
        self.keyed: list[Event] = []
        self.events = 0
        self.size_bytes = 0
        self.done = Acknowledgement(loop=loop)

    def records(self) -> list[KeyValue]:
        merged = [encode(Event(d, kind, count)) for (d, kind), count in self.counts.items()]
        return [*merged, *(encode(event) for event in self.keyed)]


class Publisher:
    """Bring events to their partitions; ``run`` it for as long as events come."""

    def __init__(
        self,
        topic: Topic,
        admission: Admission,
        meters: IngestMeters,
        *,
        max_batch_age_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._topic = topic
        self._admission = admission
        self._meters = meters
        self._max_age = max_batch_age_seconds
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._open: list[_Group | None] = [None] * topic.partitions
        self._sent_at: list[float | None] = [None] * topic.partitions
        self._wake = [asyncio.Event() for _ in range(topic.partitions)]
        self._closed = False

    def add(self, event: Event) -> Acknowledgement:
        """Add *event* to its partition's open group; await the answer for its outcome.

        Raises NodeFullError, and nothing is sent, when the node or the partition is full.
        """
        if self._closed:
            raise NodeFullError("This node is stopping.")
        partition = partition_of(event.domain, self._topic.partitions)
        group = self._open[partition]
        merges = (
            event.key is None and group is not None and (event.domain, event.kind) in group.counts
        )
        size = 0 if merges else len(event.domain) + _MAX_VALUE_BYTES + RECORD_OVERHEAD_BYTES
        if group is not None and group.size_bytes + size > MAX_BATCH_BYTES:
            raise NodeFullError("This partition's next batch is full.")
        sent_at = self._sent_at[partition]
        if sent_at is not None and self._clock() - sent_at > self._max_age:
            raise NodeFullError("Kafka is slow to answer for this partition.")
        self._admission.admit(1, size)
        if group is None:
            group = self._open[partition] = _Group(self._loop)
            self._wake[partition].set()
        group.events += 1
        group.size_bytes += size
        if event.key is None:
            counted = (event.domain, event.kind)
            group.counts[counted] = group.counts.get(counted, 0) + event.count
        else:
            group.keyed.append(event)
        return group.done

    async def run(self) -> None:
        """Flush every partition until cancelled; then nobody is left without an answer."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for partition in range(self._topic.partitions):
                    tasks.create_task(self._flush(partition), name=f"flush-{partition}")
        finally:
            self._closed = True
            for group in self._open:
                if group is not None:
                    self._settle(group, NodeFullError("This node stopped before it sent them."))

    async def drain(self, within_seconds: float) -> bool:
        """Take nothing more and wait for what is in hand; whether all of it was answered."""
        self._closed = True
        try:
            async with asyncio.timeout(within_seconds):
                while self._admission.events:
                    waiting = [group.done for group in self._open if group is not None]
                    # Those that are out have no group any more: look again soon.
                    await asyncio.wait(waiting or {self._loop.create_future()}, timeout=0.02)
        except TimeoutError:
            return False
        return True

    async def _flush(self, partition: int) -> None:
        wake = self._wake[partition]
        failing = False
        while True:
            await wake.wait()
            wake.clear()
            group = self._open[partition]
            if group is None:
                continue
            self._open[partition] = None
            self._sent_at[partition] = sent_at = self._clock()
            # What is said if we are cancelled, or by a defect, before Kafka's answer.
            outcome: RetriableError | None = OutcomeUnknownError("This node stopped meanwhile.")
            try:
                await self._topic.append(partition, group.records())
                outcome = None
            except RetriableError as error:
                outcome = error
            finally:
                self._sent_at[partition] = None
                self._meters.batch(
                    group.events, self._clock() - sent_at, failed=outcome is not None
                )
                self._settle(group, outcome)
            if failing != (outcome is not None):
                failing = not failing
                event = "Kafka fails" if failing else "Kafka answers again"
                log.warning(event, partition=partition, error=str(outcome) if outcome else None)

    def _settle(self, group: _Group, outcome: RetriableError | None) -> None:
        self._admission.release(group.events, group.size_bytes)
        group.done.set_result(outcome)
