"""Work on one partition: add its records, read and write its buckets, publish its changes.

The order of things, and what a crash between any two of them costs:

1. records are decoded and added to the ledger           nothing: they are read again
2. buckets that are not known are read                   nothing
3. owed increments are written, bucket by bucket         the next owner counts from the rows
4. acknowledged writes move the totals on                nothing: the rows say so
5. changes of status are published                       the next owner finds them (changes.py)
   undecodable records are published as dead letters     the next owner reads them again
6. offsets below all of it are committed (by the worker) records are read again and skipped,
                                                         changes and letters are published again
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from consumer.bucket_reader import BucketReader
from consumer.counter_store import MAX_ROWS
from consumer.counting.kept_memory import PartitionMemory
from consumer.counting.keys.dedupe import Dedupe
from consumer.counting.pacing.circuit_breaker import CircuitBreaker
from consumer.counting.position import Position
from consumer.counting.rows.writer_rows import BucketWrite
from consumer.kafka.dead_letters import encode_letter
from consumer.kafka.record_source import Record
from consumer.traces import PartitionTraces
from consumer.worker_context import WorkerContext
from consumer.write_places import WritePlaces
from shared.errors import RetriableError, UndecodableRecordError
from shared.model.domain import DomainName
from shared.model.record import decode_sums, decode_value, has_sums, require_key

_URGENT_ROWS = 32
"""Of a write in a place for changes of status: each row more takes longer."""
_CHANGES_AT_A_TIME = 500
_PUBLISH_RETRY_SECONDS = 0.5
_IDLE_SECONDS = 60.0


class PartitionTask:
    """The ledger of one partition and its requests in flight, from assignment to revocation."""

    def __init__(self, partition: int, memory: PartitionMemory, context: WorkerContext) -> None:
        self.partition = partition
        self.ledger = ledger = memory.ledger
        self._context = context
        self._reader = BucketReader(partition, ledger, context, self._finish_read)
        self._dedupe = memory.dedupe
        self._read_from = memory.read_from
        self._suspended = False
        self._traces: PartitionTraces | None = None
        if context.spans is not None:
            topic = ledger.topic_partition.rpartition("/")[0]
            self._traces = PartitionTraces(context.spans, topic, partition, context.clock)
        self._replayed = ledger.replayed
        self._wake = {name: asyncio.Event() for name in ("write", "urgent", "publish", "letter")}
        self._progress = asyncio.Event()

    async def process(self, records: Sequence[Record]) -> None:
        """Add *records* to the ledger; what cannot be decoded becomes a dead letter."""
        ledger, dedupe, now, duplicates = self.ledger, self._dedupe, self._context.clock(), 0
        if self._traces is not None:
            self._traces.start_spans(records, ledger.next_offset)
        appended_at = None
        for record in records:
            if self._suspended:
                return  # while we waited; the next owner reads all of *records* again
            offset = record.offset
            if record.timestamp != appended_at:  # else of the same batch
                appended_at = record.timestamp
                ledger.record_append_time(offset, appended_at)
                dedupe.advance(offset, appended_at)
            try:
                if has_sums(record.value):
                    await self._add_sums(record.value, offset, now)
                    continue
                kind, count, idempotency_key = decode_value(record.value)
                domain = require_key(record.key)
                if idempotency_key is not None and dedupe.is_duplicate(
                    domain, kind, idempotency_key, offset
                ):
                    duplicates += offset >= ledger.next_offset
                    ledger.skip_record(offset)
                else:
                    # Below the ledger's beginning it is counted: it was read for its key alone.
                    ledger.add(domain, kind, count, offset, now)
            except UndecodableRecordError as error:
                if offset >= ledger.next_offset:
                    letter = encode_letter(ledger.topic_partition, record, str(error))
                    ledger.dead_letters.add(offset, letter)
                ledger.skip_record(offset)
        if records:
            self._read_from = records[-1].offset + 1
        self._context.metrics.records.inc(len(records))
        self._count_replayed()
        self._context.metrics.duplicates.inc(duplicates)
        self._wake_all()

    async def _add_sums(self, value: bytes, offset: int, now: float) -> None:
        if offset >= self.ledger.next_offset:  # else read again for keys: it has none
            self.ledger.add_sums(decode_sums(value), offset, now)
            # Hundreds of domains: neither they nor the rest may delay reads and writes.
            self._wake_all()
            await asyncio.sleep(0)

    @property
    def keys(self) -> Dedupe:
        """The idempotency keys that may still be repeated."""
        return self._dedupe

    @property
    def records_to_read_again(self) -> int:
        """The number of counted records that are still to be read for their keys."""
        return max(0, self.ledger.next_offset - self._read_from)

    def pass_gap(self, read_to: int) -> None:
        """Record that there are no more records below *read_to*.

        Offsets without records are markers of transactions, and what compaction removed.
        """
        if not self._suspended:
            self.ledger.skip_record(read_to - 1)
            self._read_from = max(self._read_from, read_to)

    def position(self) -> Position:
        """Return what may be committed: below it everything is counted and published."""
        next_offset = self.ledger.committable_offset()
        return Position(next_offset, self._dedupe.keys_from(next_offset))

    async def run(self) -> None:
        """Read, write and publish what the ledger asks for, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._reader.run(tasks))
                tasks.create_task(self._write_buckets(tasks, "write", self._context.writes))
                tasks.create_task(self._write_buckets(tasks, "urgent", self._context.urgent_writes))
                tasks.create_task(self._publish_changes())
                tasks.create_task(self._publish_dead_letters())
        finally:
            if self._traces is not None:
                self._traces.end_all()

    async def drain(self) -> None:
        """Write what is owed now; return when all is counted, and changes and letters published."""
        self.ledger.drain()
        self._wake_all()
        while not self.ledger.settled:
            self._progress.clear()
            await self._progress.wait()

    def suspend(self) -> PartitionMemory:
        """Return what is known, once ``run`` has ended; no more records are added."""
        self._suspended = True
        self.ledger.suspend(self._context.clock())
        return PartitionMemory(self.ledger, self._dedupe, self._read_from)

    # ---- writing

    async def _write_buckets(
        self, tasks: asyncio.TaskGroup, name: str, places: WritePlaces | asyncio.Semaphore
    ) -> None:
        """Write what is due, one bucket at a time, whenever one of *places* is free.

        What a write carries is decided when it starts: the longer it waits, the more it carries.
        """
        wake, urgent_only = self._wake[name], name == "urgent"
        while True:
            wake.clear()
            wait_seconds = self._wait_seconds(urgent_only=urgent_only)
            if wait_seconds > 0:
                try:
                    async with asyncio.timeout(wait_seconds):
                        await wake.wait()
                except TimeoutError:
                    pass
                continue
            async with places:
                bucket = self.ledger.pop_due(self._context.clock(), urgent_only=urgent_only)
                if bucket is not None:
                    most = _URGENT_ROWS if urgent_only else MAX_ROWS
                    await self._write_or_defer(bucket, most, tasks)

    def _wait_seconds(self, *, urgent_only: bool) -> float:
        now = self._context.clock()
        if urgent_only:
            return 0.0 if self.ledger.has_urgent(now) else _IDLE_SECONDS
        due_at = self.ledger.next_due_at(now)
        return _IDLE_SECONDS if due_at is None else max(0.0, due_at - now)

    async def _write_or_defer(self, bucket: int, most: int, tasks: asyncio.TaskGroup) -> None:
        """Write *bucket*, unless its replicas failed lately: then probe them aside, or wait."""
        context, now = self._context, self._context.clock()
        circuit = context.write_circuits.of(context.store.replicas_of(bucket))
        if circuit.closed:
            await self._write(self._begin(bucket, most))
        elif circuit.may_probe(now):
            circuit.start_probe()
            # Begun here, not by the task: else events that come before its first step would put
            # the bucket back in line.
            write = self._begin(bucket, CircuitBreaker.SMALL_WRITE)
            probe = tasks.create_task(self._write(write))
            # Also if it is cancelled before its first step.
            probe.add_done_callback(lambda _: circuit.end_probe())
        else:
            self.ledger.defer(bucket, circuit.retry_at(now))
            await asyncio.sleep(0)  # there may be thousands of them

    def _begin(self, bucket: int, limit: int) -> BucketWrite:
        self.ledger.start_epoch(self._context.epoch.current())
        return self.ledger.begin(bucket, limit, self._context.clock())

    async def _write(self, write: BucketWrite) -> None:
        context, ledger = self._context, self.ledger
        replicas, began_at = context.store.replicas_of(write.bucket), context.clock()
        try:
            with context.metrics.write_seconds.time(), self._trace_write(write):
                await context.store.write(ledger.topic_partition, write.bucket, write.rows)
        except RetriableError as error:
            context.metrics.writes_dropped.inc(len(write.rows))
            ledger.fail(write, context.clock())
            context.write_circuits.record_failure(replicas, context.clock(), error)
        else:
            context.metrics.writes_ok.inc(len(write.rows))
            ledger.start_epoch(context.epoch.current())
            self._observe_latency(ledger.acknowledge(write, context.clock()))
            context.write_circuits.record_success(replicas)
        finally:
            context.writes.record(len(write.rows), context.clock() - began_at)
            self._wake_all()

    def _trace_write(self, write: BucketWrite) -> AbstractContextManager[None]:
        if self._traces is None:
            return nullcontext()
        end = write.next_offset
        return self._traces.trace_write(
            {DomainName(row.domain.decode("ascii")): end for row in write.rows}
        )

    # ---- publishing

    async def _publish_changes(self) -> None:
        """Publish changes of status, one batch after the other, so that they stay in order."""
        wake, context, changes = self._wake["publish"], self._context, self.ledger.changes
        while True:
            wake.clear()
            batch = changes.peek(_CHANGES_AT_A_TIME)
            if not batch:
                await wake.wait()
                continue
            try:
                await context.changes.publish(batch)
            except RetriableError:
                await asyncio.sleep(_PUBLISH_RETRY_SECONDS)
            else:
                context.metrics.changes_published.inc(len(batch))
                changes.remove_published(len(batch))
                self._progress.set()

    async def _publish_dead_letters(self) -> None:
        """Publish dead letters. While Kafka cannot store them, this partition alone is paused."""
        wake, context, letters = self._wake["letter"], self._context, self.ledger.dead_letters
        while True:
            wake.clear()
            batch = letters.peek()
            if not batch:
                await wake.wait()
                continue
            try:
                await context.dead_letters.publish(self.ledger.topic_partition, batch)
            except RetriableError:
                await asyncio.sleep(_PUBLISH_RETRY_SECONDS)
            else:
                context.metrics.dead_letters.inc(len(batch))
                letters.remove_published(len(batch))
                self._progress.set()

    # ---- reporting

    def _finish_read(self) -> None:
        self._count_replayed()
        self._wake_all()

    def _wake_all(self) -> None:
        self._reader.wake()
        for wake in self._wake.values():
            wake.set()
        self._progress.set()

    def _count_replayed(self) -> None:
        before, self._replayed = self._replayed, self.ledger.replayed
        self._context.metrics.replayed.inc(self._replayed - before)

    def _observe_latency(self, appended_ms: int | None) -> None:
        """Observe the time from the append of a write's oldest event until now."""
        if appended_ms is not None:
            # The broker's clock may be ahead of ours.
            seconds = max(0.0, self._context.wall_clock() - appended_ms / 1000)
            self._context.metrics.end_to_end_seconds.observe(seconds)
