"""Work on one partition: take records in, read rows, write updates, say what is counted.

The order of things, and what a crash between any two of them costs:

1. records are decoded and added to the ledger           nothing: they are read again
2. rows of new domains are read                           nothing
3. due increments are written as row updates              the next owner counts from the rows
4. acknowledged updates move the totals on                nothing: the rows say so
5. changes of status are published                        the next owner finds them (changes.py)
6. offsets below all of it are committed (by the worker)  records are read again and skipped,
                                                          changes are published again
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from consumer.counter_store import CounterStore
from consumer.counting.dedupe import Dedupe
from consumer.counting.flush_policy import FlushPace
from consumer.counting.ledger import PartitionLedger
from consumer.counting.position import Position
from consumer.counting.row_epoch import RowEpoch
from consumer.counting.writer_rows import RowUpdate
from consumer.kafka.change_publisher import ChangePublisher
from consumer.kafka.dead_letters import DeadLetters
from consumer.kafka.record_source import Record
from consumer.metrics import ConsumerMeters
from consumer.traces import PartitionTraces
from shared.errors import RetriableError, UndecodableRecordError
from shared.model import record as codec
from shared.model.domain import DomainName

if TYPE_CHECKING:
    from shared.runtime.spans import Spans

log = structlog.stdlib.get_logger(__name__)

_READ_DOMAINS = 32
_READS_PER_PARTITION = 2
_WRITES_PER_PARTITION = 2
_READ_RETRY_SECONDS = 0.5
_CHANGES_AT_A_TIME = 500
_PUBLISH_RETRY_SECONDS = 0.5
_IDLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What all partitions of a worker share."""

    store: CounterStore
    dead_letters: DeadLetters
    changes: ChangePublisher
    meters: ConsumerMeters
    reads: asyncio.Semaphore
    writes: asyncio.Semaphore
    clock: Callable[[], float]
    wall_clock: Callable[[], float]
    epoch: RowEpoch
    log_end: Callable[[int, int], Awaitable[int]]
    spans: "Spans | None" = None
    """Where events are traced."""


class PartitionTask:
    """The ledger of one partition and the requests that it has out."""

    def __init__(
        self, partition: int, ledger: PartitionLedger, pace: FlushPace, tools: Tools
    ) -> None:
        self.partition = partition
        self.ledger = ledger
        self._pace = pace
        self._tools = tools
        self._reads = 0
        self._writes = 0
        self._publishing = False
        self._dedupe = Dedupe()
        self._traces: PartitionTraces | None = None
        if tools.spans is not None:
            topic = ledger.log.rpartition("/")[0]
            self._traces = PartitionTraces(tools.spans, topic, partition, tools.clock)
        self._failing = False
        self._skipped = 0
        self._changed = asyncio.Event()
        self._progress = asyncio.Event()

    async def take(self, records: Sequence[Record]) -> None:
        """Add *records* to the ledger; what cannot be decoded is kept aside first."""
        ledger, now = self.ledger, self._tools.clock()
        duplicates = 0
        if self._traces is not None:
            self._traces.read(records, ledger.next_offset)
        if records:
            self._dedupe.advance(records[0].offset, records[0].timestamp)
        appended_at = None
        for record in records:
            offset = record.offset
            if record.timestamp != appended_at:  # else of the same batch
                appended_at = record.timestamp
                ledger.appended(offset, appended_at)
            try:
                event = codec.decode(record.key, record.value)
            except UndecodableRecordError as error:
                if offset >= ledger.next_offset:
                    await self._tools.dead_letters.keep(ledger.log, record, str(error))
                    self._tools.meters.dead_letters.inc()
                ledger.pass_over(offset)
                continue
            if event.idempotency_key is not None and self._dedupe.is_duplicate(
                event.domain, event.idempotency_key, offset, record.timestamp
            ):
                duplicates += offset >= ledger.next_offset
                ledger.pass_over(offset)
            else:
                # Below the ledger's beginning it is counted: it was read for its key alone.
                ledger.add(event, offset, now)
        self._tools.meters.records.inc(len(records))
        self._note_skipped()
        self._tools.meters.duplicates.inc(duplicates)
        self._changed.set()

    def position(self) -> Position:
        """Return what may be committed: below it everything is counted and published."""
        next_offset = self.ledger.committable_offset()
        return Position(next_offset, self._dedupe.keys_from(next_offset))

    async def run(self) -> None:
        """Read, write and publish what the ledger asks for, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._run(tasks)
        finally:
            if self._traces is not None:
                self._traces.end()

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
        """Write what is owed now; return when all of it is counted, and its changes published."""
        self.ledger.hurry(self._tools.clock())
        self._changed.set()
        while not self.ledger.settled:
            self._progress.clear()
            await self._progress.wait()

    def _start_reads(self, tasks: asyncio.TaskGroup) -> None:
        while self._reads < _READS_PER_PARTITION:
            domains = self.ledger.take_unread(_READ_DOMAINS)
            if not domains:
                return
            self._reads += 1
            tasks.create_task(self._read(domains))

    def _start_writes(self, tasks: asyncio.TaskGroup) -> float:
        """Start what may start and return for how long nothing else will be due."""
        now = self._tools.clock()
        wait = self._pace.wait(now)
        free = (1 if self._pace.probing else _WRITES_PER_PARTITION) - self._writes
        if wait > 0 or free <= 0:
            return wait or _IDLE_SECONDS
        size = self._pace.batch_size
        self.ledger.roll(self._tools.epoch.current())
        updates = self.ledger.take_due(now, free * size)
        for batch in self._tools.store.split(updates, size):
            self._writes += 1
            tasks.create_task(self._write(batch))
        if self._writes >= _WRITES_PER_PARTITION:
            return _IDLE_SECONDS  # woken when one of them ends
        due_at = self.ledger.next_due_at()
        return _IDLE_SECONDS if due_at is None else max(0.0, due_at - now)

    def _start_publishing(self, tasks: asyncio.TaskGroup) -> None:
        """Publish what has changed, one batch after the other, so that it stays in order."""
        if self.ledger.changes and not self._publishing:
            self._publishing = True
            tasks.create_task(self._publish())

    async def _read(self, domains: list[DomainName]) -> None:
        tools = self._tools
        try:
            async with tools.reads:
                with tools.meters.read_seconds.time():
                    rows = await tools.store.read(self.ledger.log, domains)
            log_end = self.ledger.next_offset
            counted = max((r.applied_offset for found in rows.values() for r in found), default=0)
            if counted > log_end:
                log_end = await tools.log_end(self.partition, counted)
            for domain in domains:
                self.ledger.learn(domain, rows[domain], log_end, tools.clock())
            self._note_skipped()
            self._note(None)
        except RetriableError as error:
            self._note(error)
            await asyncio.sleep(_READ_RETRY_SECONDS)
            self.ledger.read_failed(domains)
        finally:
            self._reads -= 1
            self._changed.set()
            self._progress.set()

    async def _write(self, batch: list[RowUpdate]) -> None:
        tools = self._tools
        try:
            async with tools.writes:
                with tools.meters.write_seconds.time(), self._telling(batch):
                    await tools.store.write(self.ledger.log, batch)
        except RetriableError as error:
            self._note(error)
            tools.meters.writes_dropped.inc(len(batch))
            self.ledger.fail(batch)
            self._pace.failed(tools.clock())
        else:
            tools.meters.writes_ok.inc(len(batch))
            self.ledger.roll(tools.epoch.current())
            self._note_seconds(self.ledger.acknowledge(batch, tools.clock()))
            self._pace.succeeded()
            self._note(None)
        finally:
            self._writes -= 1
            self._changed.set()
            self._progress.set()

    def _telling(self, batch: list[RowUpdate]) -> AbstractContextManager[None]:
        if self._traces is None:
            return nullcontext()
        reaches = self.ledger.reaches
        return self._traces.writing({u.domain: reaches(u.domain) for u in batch})

    async def _publish(self) -> None:
        tools = self._tools
        changes = self.ledger.changes.next(_CHANGES_AT_A_TIME)
        try:
            await tools.changes.publish(changes)
        except RetriableError:
            await asyncio.sleep(_PUBLISH_RETRY_SECONDS)
        else:
            tools.meters.changes_published.inc(len(changes))
            self.ledger.changes.published(len(changes))
        finally:
            self._publishing = False
            self._changed.set()
            self._progress.set()

    def _note_skipped(self) -> None:
        """Count what the rows said was counted before, whether known or just read."""
        skipped, self._skipped = self._skipped, self.ledger.skipped
        self._tools.meters.replayed.inc(self._skipped - skipped)

    def _note_seconds(self, appended_at: Sequence[int]) -> None:
        """Say how long it took from each of *appended_at*, in ms, until now."""
        now = self._tools.wall_clock()
        for appended_ms in appended_at:
            # The broker has a clock of its own.
            self._tools.meters.end_to_end_seconds.observe(max(0.0, now - appended_ms / 1000))

    def _note(self, error: RetriableError | None) -> None:
        """Log when the store begins to fail and when it answers again, not each failure."""
        failing = error is not None
        if failing != self._failing:
            self._failing = failing
            event = "the store fails" if failing else "the store answers again"
            log.warning(event, partition=self.partition, error=str(error) if error else None)
