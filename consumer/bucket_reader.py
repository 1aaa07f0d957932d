"""Read the buckets that a partition's ledger does not know, a few at a time."""

import asyncio
from collections.abc import Callable

from consumer.counting.ledger import PartitionLedger
from consumer.worker_context import WorkerContext
from shared.cassandra.failures import ReadFailedError
from shared.errors import RetriableError

READS_IN_FLIGHT = 8
"""Of all partitions of a worker."""
_READS_PER_PARTITION = 2
_RETRY_SECONDS = 0.5


class BucketReader:
    """The reads of one partition; *after* is called after each, with any result.

    A set of replicas that fails takes one read at a time, and none for a while after a failure:
    reads that wait for its timeout would keep the buckets of all others from being read.
    """

    def __init__(
        self,
        partition: int,
        ledger: PartitionLedger,
        context: WorkerContext,
        after: Callable[[], None],
    ) -> None:
        self._partition = partition
        self._ledger = ledger
        self._context = context
        self._after = after
        self._reads = 0
        self._deferred: list[int] = []
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look for unread buckets again."""
        self._wake.set()

    async def run(self, tasks: asyncio.TaskGroup) -> None:
        """Read buckets until cancelled, each by a task of *tasks*."""
        while True:
            self._wake.clear()
            while self._reads < _READS_PER_PARTITION:
                bucket = self._ledger.pop_unread()
                if bucket is None:
                    break
                self._read_or_defer(bucket, tasks)
            await self._wake.wait()

    def _read_or_defer(self, bucket: int, tasks: asyncio.TaskGroup) -> None:
        circuit = self._context.read_circuits.of(self._context.store.replicas_of(bucket))
        if not circuit.closed and not circuit.may_probe(self._context.clock()):
            self._defer(bucket, tasks)
            return
        self._reads += 1
        read = tasks.create_task(self._read(bucket, tasks))
        if not circuit.closed:
            circuit.start_probe()
            # Also if it is cancelled before its first step.
            read.add_done_callback(lambda _: circuit.end_probe())

    async def _read(self, bucket: int, tasks: asyncio.TaskGroup) -> None:
        context, ledger = self._context, self._ledger
        replicas = context.store.replicas_of(bucket)
        try:
            try:
                async with context.reads:
                    with context.metrics.read_seconds.time():
                        rows = await context.store.read(ledger.topic_partition, bucket)
            except ReadFailedError:
                # Its replicas answered: the fault is this bucket's alone.
                context.read_circuits.record_success(replicas)
                raise
            except RetriableError as error:
                context.read_circuits.record_failure(replicas, context.clock(), error)
                raise
            context.read_circuits.record_success(replicas)
            end_offset = ledger.next_offset
            counted = max((row.applied_offset for row in rows), default=0)
            if counted > end_offset:
                end_offset = await context.end_offset(self._partition, counted)
            ledger.load_rows(bucket, rows, end_offset, context.clock(), context.wall_clock())
        except RetriableError:
            self._defer(bucket, tasks)
        finally:
            self._reads -= 1
            self._wake.set()
            self._after()

    def _defer(self, bucket: int, tasks: asyncio.TaskGroup) -> None:
        """Read *bucket* later; others are read meanwhile."""
        self._deferred.append(bucket)
        if len(self._deferred) == 1:
            tasks.create_task(self._requeue_deferred())

    async def _requeue_deferred(self) -> None:
        await asyncio.sleep(_RETRY_SECONDS)
        deferred, self._deferred = self._deferred, []
        for bucket in deferred:
            self._ledger.requeue_unread(bucket)
        self._wake.set()
