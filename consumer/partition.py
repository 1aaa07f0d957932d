"""Work on one partition: process records, read rows, write updates, publish changes.

The steps in order, and what a crash after each step costs:

1. records are decoded and added to the ledger        nothing: they are read again
2. rows of new domains are read                       nothing
3. due increments are written as row updates          the next owner continues from the rows
4. acknowledged updates are added to the totals       nothing: the rows contain them
5. changes of status are published                    the next owner finds them (changes.py)
6. the worker commits the offsets below all of this   records are read again and skipped,
                                                      changes are published again
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from consumer.counter_store import CounterStore
from consumer.counting.circuit_breaker import CircuitBreaker
from consumer.counting.dedupe import Dedupe
from consumer.counting.ledger import PartitionLedger
from consumer.counting.position import Position
from consumer.counting.row_epoch import RowEpoch
from consumer.counting.writer_rows import RowUpdate
from consumer.kafka.change_publisher import ChangePublisher
from consumer.kafka.dead_letters import DeadLetters
from consumer.kafka.record_source import Record
from consumer.metrics import WorkerMetrics
from consumer.traces import PartitionTraces
from shared.errors import RetriableError, UndecodableRecordError
from shared.model.domain import DomainName
from shared.model.record import decode_event

if TYPE_CHECKING:
    from shared.telemetry.spans import Spans

log = structlog.stdlib.get_logger(__name__)

_READ_DOMAINS = 32
_READS_PER_PARTITION = 2
_WRITES_PER_PARTITION = 2
_READ_RETRY_SECONDS = 0.5
_CHANGES_AT_A_TIME = 500
_PUBLISH_RETRY_SECONDS = 0.5
_IDLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What all partitions of a worker share: clients, limits, clocks and metrics."""

    store: CounterStore
    dead_letters: DeadLetters
    changes: ChangePublisher
    metrics: WorkerMetrics
    reads: asyncio.Semaphore
    writes: asyncio.Semaphore
    clock: Callable[[], float]
    """Monotonic seconds."""
    wall_clock: Callable[[], float]
    """Seconds since 1970."""
    epoch: RowEpoch
    end_offset: Callable[[int, int], Awaitable[int]]
    """See ``RecordSource.end_offset``."""
    spans: "Spans | None" = None
    """Records the spans of traced events; None without tracing."""


class PartitionTask:
    """The ledger of one partition, and its requests in flight."""

    def __init__(
        self,
        partition: int,
        ledger: PartitionLedger,
        breaker: CircuitBreaker,
        context: WorkerContext,
    ) -> None:
        self.partition = partition
        self.ledger = ledger
        self._breaker = breaker
        self._context = context
        self._reads = 0
        self._writes = 0
        self._publishing = False
        self._dedupe = Dedupe()
        self._traces: PartitionTraces | None = None
        if context.spans is not None:
            topic = ledger.topic_partition.rpartition("/")[0]
            self._traces = PartitionTraces(context.spans, topic, partition, context.clock)
        self._failing = False
        self._replayed = 0
        self._changed = asyncio.Event()
        self._progress = asyncio.Event()

    async def process(self, records: Sequence[Record]) -> None:
        """Add *records* to the ledger. Publish an undecodable one as a dead letter first."""
        ledger, now = self.ledger, self._context.clock()
        duplicates = 0
        if self._traces is not None:
            self._traces.start_spans(records, ledger.next_offset)
        if records:
            self._dedupe.advance(records[0].offset, records[0].timestamp)
        appended_at = None
        for record in records:
            offset = record.offset
            if record.timestamp != appended_at:  # equal within a batch
                appended_at = record.timestamp
                ledger.record_append_time(offset, appended_at)
            try:
                event = decode_event(record.key, record.value)
            except UndecodableRecordError as error:
                if offset >= ledger.next_offset:
                    await self._context.dead_letters.publish(
                        ledger.topic_partition, record, str(error)
                    )
                    self._context.metrics.dead_letters.inc()
                ledger.skip_record(offset)
                continue
            if event.idempotency_key is not None and self._dedupe.is_duplicate(
                event.domain, event.idempotency_key, offset, record.timestamp
            ):
                duplicates += offset >= ledger.next_offset
                ledger.skip_record(offset)
            else:
                # The ledger ignores a record below its first offset: it is counted, and was
                # read only for its key.
                ledger.add(event, offset, now)
        self._context.metrics.records.inc(len(records))
        self._count_replayed()
        self._context.metrics.duplicates.inc(duplicates)
        self._changed.set()

    def position(self) -> Position:
        """Return the position to commit: everything below it is counted and published."""
        next_offset = self.ledger.committable_offset()
        return Position(next_offset, self._dedupe.keys_from(next_offset))

    async def run(self) -> None:
        """Read, write and publish what the ledger requires, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._run(tasks)
        finally:
            if self._traces is not None:
                self._traces.end_all()

    async def _run(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            self._changed.clear()
            self._start_reads(tasks)
            self._start_publishing(tasks)
            wait_seconds = self._start_writes(tasks)
            try:
                async with asyncio.timeout(wait_seconds):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def drain(self) -> None:
        """Write all pending increments now. Return once they are counted and changes published."""
        self.ledger.make_all_due(self._context.clock())
        self._changed.set()
        while not self.ledger.settled:
            self._progress.clear()
            await self._progress.wait()

    def _start_reads(self, tasks: asyncio.TaskGroup) -> None:
        while self._reads < _READS_PER_PARTITION:
            domains = self.ledger.pop_unread(_READ_DOMAINS)
            if not domains:
                return
            self._reads += 1
            tasks.create_task(self._read(domains))

    def _start_writes(self, tasks: asyncio.TaskGroup) -> float:
        """Start the writes that may start. Return the seconds until the next one is due."""
        now = self._context.clock()
        wait = self._breaker.wait_seconds(now)
        free = (1 if self._breaker.probing else _WRITES_PER_PARTITION) - self._writes
        if wait > 0 or free <= 0:
            return wait or _IDLE_SECONDS
        size = self._breaker.batch_size
        self.ledger.start_epoch(self._context.epoch.current())
        updates = self.ledger.start_updates(now, free * size)
        for batch in self._context.store.split(updates, size):
            self._writes += 1
            tasks.create_task(self._write(batch))
        if self._writes >= _WRITES_PER_PARTITION:
            return _IDLE_SECONDS  # the end of a write wakes us
        due_at = self.ledger.next_due_at()
        return _IDLE_SECONDS if due_at is None else max(0.0, due_at - now)

    def _start_publishing(self, tasks: asyncio.TaskGroup) -> None:
        """Publish pending changes, one batch at a time, so that they stay in order."""
        if self.ledger.changes and not self._publishing:
            self._publishing = True
            tasks.create_task(self._publish())

    async def _read(self, domains: list[DomainName]) -> None:
        context = self._context
        try:
            async with context.reads:
                with context.metrics.read_seconds.time():
                    rows = await context.store.read(self.ledger.topic_partition, domains)
            end_offset = self.ledger.next_offset
            counted = max((r.applied_offset for found in rows.values() for r in found), default=0)
            if counted > end_offset:
                end_offset = await context.end_offset(self.partition, counted)
            for domain in domains:
                self.ledger.load_rows(domain, rows[domain], end_offset, context.clock())
            self._count_replayed()
            self._log_store_state(None)
        except RetriableError as error:
            self._log_store_state(error)
            await asyncio.sleep(_READ_RETRY_SECONDS)
            self.ledger.requeue_unread(domains)
        finally:
            self._reads -= 1
            self._changed.set()
            self._progress.set()

    async def _write(self, batch: list[RowUpdate]) -> None:
        context = self._context
        try:
            async with context.writes:
                with context.metrics.write_seconds.time(), self._trace_write(batch):
                    await context.store.write(self.ledger.topic_partition, batch)
        except RetriableError as error:
            self._log_store_state(error)
            context.metrics.writes_dropped.inc(len(batch))
            self.ledger.fail(batch)
            self._breaker.record_failure(context.clock())
        else:
            context.metrics.writes_ok.inc(len(batch))
            self.ledger.start_epoch(context.epoch.current())
            self._observe_latency(self.ledger.acknowledge(batch, context.clock()))
            self._breaker.record_success()
            self._log_store_state(None)
        finally:
            self._writes -= 1
            self._changed.set()
            self._progress.set()

    def _trace_write(self, batch: list[RowUpdate]) -> AbstractContextManager[None]:
        if self._traces is None:
            return nullcontext()
        in_flight_end = self.ledger.in_flight_end
        return self._traces.trace_write({u.domain: in_flight_end(u.domain) for u in batch})

    async def _publish(self) -> None:
        context = self._context
        changes = self.ledger.changes.peek(_CHANGES_AT_A_TIME)
        try:
            await context.changes.publish(changes)
        except RetriableError:
            await asyncio.sleep(_PUBLISH_RETRY_SECONDS)
        else:
            context.metrics.changes_published.inc(len(changes))
            self.ledger.changes.remove_published(len(changes))
        finally:
            self._publishing = False
            self._changed.set()
            self._progress.set()

    def _count_replayed(self) -> None:
        """Count the records that the rows already contained."""
        before, self._replayed = self._replayed, self.ledger.replayed
        self._context.metrics.replayed.inc(self._replayed - before)

    def _observe_latency(self, appended_at: Sequence[int]) -> None:
        """Observe the time from each of *appended_at*, in milliseconds, until now."""
        now = self._context.wall_clock()
        for appended_ms in appended_at:
            # The clock of the broker may be ahead of ours.
            self._context.metrics.end_to_end_seconds.observe(max(0.0, now - appended_ms / 1000))

    def _log_store_state(self, error: RetriableError | None) -> None:
        """Log when the store starts to fail and when it answers again, but not each failure."""
        failing = error is not None
        if failing != self._failing:
            self._failing = failing
            event = "the store fails" if failing else "the store answers again"
            log.warning(event, partition=self.partition, error=str(error) if error else None)
