"""Work on one partition: take records in, read rows, write updates, say what is counted.

The order of things, and what a crash between any two of them costs:

1. records are decoded and added to the ledger           nothing: they are read again
2. rows of new domains are read                           nothing
3. due increments are written as row updates              the next owner counts from the rows
4. acknowledged updates move the totals on                nothing: the rows say so
5. offsets below all of it are committed (by the worker)  records are read again and skipped
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from consumer.counter_store import CounterStore
from consumer.dead_letters import DeadLetters
from consumer.dedupe import Dedupe
from consumer.flush_policy import FlushPace
from consumer.ledger import PartitionLedger
from consumer.metrics import ConsumerMeters
from consumer.position import Position
from consumer.record_source import Record
from consumer.row_epoch import RowEpoch
from consumer.writer_rows import RowUpdate
from shared import record as codec
from shared.domain import DomainName
from shared.errors import RetriableError, UndecodableRecordError

log = structlog.stdlib.get_logger(__name__)

_READ_DOMAINS = 32
_READS_PER_PARTITION = 2
_WRITES_PER_PARTITION = 2
_READ_RETRY_SECONDS = 0.5
_IDLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What all partitions of a worker share."""

    store: CounterStore
    dead_letters: DeadLetters
    meters: ConsumerMeters
    reads: asyncio.Semaphore
    writes: asyncio.Semaphore
    clock: Callable[[], float]
    epoch: RowEpoch
    log_end: Callable[[int, int], Awaitable[int]]


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
        self._dedupe = Dedupe()
        self._failing = False
        self._changed = asyncio.Event()
        self._progress = asyncio.Event()

    async def take(self, records: Sequence[Record]) -> None:
        """Add *records* to the ledger; what cannot be decoded is kept aside first."""
        ledger, now = self.ledger, self._tools.clock()
        skipped, duplicates = ledger.skipped, 0
        if records:
            self._dedupe.advance(records[0].offset, records[0].timestamp)
        for record in records:
            offset = record.offset
            try:
                event = codec.decode(record.key, record.value)
            except UndecodableRecordError as error:
                if offset >= ledger.next_offset:
                    await self._tools.dead_letters.keep(ledger.log, record, str(error))
                    self._tools.meters.dead_letters.inc()
                ledger.pass_over(offset)
                continue
            if event.key is not None and self._dedupe.is_duplicate(
                event.domain, event.key, offset, record.timestamp
            ):
                duplicates += offset >= ledger.next_offset
                ledger.pass_over(offset)
            else:
                # Below the ledger's beginning it is counted: it was read for its key alone.
                ledger.add(event, offset, now)
        self._tools.meters.records.inc(len(records))
        self._tools.meters.replayed.inc(ledger.skipped - skipped)
        self._tools.meters.duplicates.inc(duplicates)
        self._changed.set()

    def position(self) -> Position:
        """Return what may be committed: everything below it is counted."""
        next_offset = self.ledger.committable_offset()
        return Position(next_offset, self._dedupe.keys_from(next_offset))

    async def run(self) -> None:
        """Read and write what the ledger asks for, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                self._start_reads(tasks)
                wait_seconds = self._start_writes(tasks)
                try:
                    async with asyncio.timeout(wait_seconds):
                        await self._changed.wait()
                except TimeoutError:
                    pass

    async def drain(self) -> None:
        """Write everything that is owed now; return when all of it is counted."""
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
                with tools.meters.write_seconds.time():
                    await tools.store.write(self.ledger.log, batch)
        except RetriableError as error:
            self._note(error)
            tools.meters.writes_dropped.inc(len(batch))
            self.ledger.fail(batch)
            self._pace.failed(tools.clock())
        else:
            tools.meters.writes_ok.inc(len(batch))
            self.ledger.roll(tools.epoch.current())
            self.ledger.acknowledge(batch, tools.clock())
            self._pace.succeeded()
            self._note(None)
        finally:
            self._writes -= 1
            self._changed.set()
            self._progress.set()

    def _note(self, error: RetriableError | None) -> None:
        """Log when the store begins to fail and when it answers again, not each failure."""
        failing = error is not None
        if failing != self._failing:
            self._failing = failing
            event = "the store fails" if failing else "the store answers again"
            log.warning(event, partition=self.partition, error=str(error) if error else None)
