"""Pass records to their partitions, and commit what is counted.

A rebalance takes every partition away. Before that the worker flushes and commits everything
within one deadline. A partition that the next generation gives back continues where it was
(``kept_memory``); the worker forgets the others, and their next owners start from the rows.
If the deadline passes, or the commit is too late, nothing is lost: the next owner reads the same
records again, and skips those that the rows already count.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

import structlog

from consumer.config import WorkerSettings
from consumer.counting.kept_memory import KeptMemory, PartitionMemory
from consumer.counting.keys.dedupe import Dedupe
from consumer.counting.ledger import PartitionLedger
from consumer.counting.ledger_rules import LedgerRules
from consumer.counting.position import Position
from consumer.counting.start import Cause, Stopped
from consumer.kafka.record_source import RecordSource
from consumer.partition import PartitionTask
from consumer.upkeep import Upkeep
from consumer.worker_context import WorkerContext
from shared.errors import BrokerUnavailableError, LogRewrittenError, PipelineError

log = structlog.stdlib.get_logger(__name__)

_REPORT_SECONDS = 0.5
_COMMIT_SHARE = 1 / 3
"""Of the time for a revocation, which the group's session bounds: left for the commit."""


class Worker:
    """One member of the consumer group."""

    def __init__(
        self,
        source: RecordSource,
        context: WorkerContext,
        settings: WorkerSettings,
        topic: str,
        rules: LedgerRules,
        new_writer: Callable[[], bytes],
        upkeep: Upkeep,
    ) -> None:
        self._source = source
        self._context = context
        self._upkeep = upkeep
        self._settings = settings
        self._topic = topic
        self._new_writer = new_writer
        self._rules = rules
        self._tasks: asyncio.TaskGroup | None = None
        self._partitions: dict[int, PartitionTask] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._stopping = False
        # A rebalance during a stop must not cancel the flush of the stop.
        self._revoking = asyncio.Lock()
        self._paused: set[int] = set()
        self._committed: dict[int, Position] = {}
        self._to_commit: dict[int, Position] = {}
        self._kept = KeptMemory()
        self._not_ours = 0

    async def run(self, until: asyncio.Event) -> None:
        """Work until *until* is set, then flush and commit everything.

        Raises any defect: then the worker cannot continue.
        """
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            publishing = [
                tasks.create_task(self._context.changes.run(), name="changes"),
                tasks.create_task(self._context.dead_letters.run(), name="dead-letters"),
            ]
            loops = [
                tasks.create_task(self._fetch(), name="fetch"),
                tasks.create_task(self._report_metrics(), name="report"),
                tasks.create_task(self._commit(), name="commit"),
                tasks.create_task(self._upkeep.run(self._ledgers), name="upkeep"),
            ]
            try:
                await until.wait()
            finally:
                self._stopping = True
            for task in loops:
                task.cancel()
            await self.revoke()
            for task in publishing:
                task.cancel()

    def start_generation(self, generation: int, partitions: Collection[int]) -> None:
        """See Assignee."""
        self._kept.start_generation(generation, partitions)
        self._context.metrics.rebalances.inc()

    def assign(self, positions: Mapping[int, Position]) -> dict[int, int]:
        """Start to work on partitions: each where it was, or from its position without memory."""
        if self._tasks is None:
            raise RuntimeError("assign was called before run")
        if self._stopping:
            return {}  # the next owner starts at the same positions
        read_from: dict[int, int] = {}
        kept: list[int] = []
        for partition, position in positions.items():
            memory = self._kept.take(partition, position)
            if memory is None:
                memory = self._new_memory(partition, position)
            else:
                kept.append(partition)
            task = PartitionTask(partition, memory, self._context)
            self._partitions[partition] = task
            self._committed[partition] = position
            self._running[partition] = self._tasks.create_task(
                self._work_on(partition, task), name=f"partition-{partition}"
            )
            read_from[partition] = memory.read_from
        self._context.metrics.kept.inc(len(kept))
        self._context.metrics.assigned.set(len(self._partitions))
        log.info("assigned", partitions=sorted(positions), kept=sorted(kept))
        return read_from

    def _new_memory(self, partition: int, position: Position) -> PartitionMemory:
        ledger = PartitionLedger(
            f"{self._topic}/{partition}", position.next_offset, self._rules, self._new_writer
        )
        return PartitionMemory(ledger, Dedupe(self._context.key_window), position.keys_from)

    async def _work_on(self, partition: int, task: PartitionTask) -> None:
        """Run *task*. A partition that cannot be counted stops alone; nothing wrong was written."""
        try:
            await task.run()
        except* LogRewrittenError as group:
            error: BaseException = group
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            if self._partitions.get(partition) is task:
                del self._partitions[partition]
                self._paused.discard(partition)
                self._source.stop(partition, Stopped(Cause.LOG_REWRITTEN, str(error)))

    async def require_reading(self) -> None:
        """Return if every partition of this worker is read. Raises PipelineError."""
        if stopped := self._source.stopped:
            raise PipelineError(
                "; ".join(f"{self._topic}/{p}: {why.reason}" for p, why in sorted(stopped.items()))
            )

    async def revoke(self) -> None:
        """Flush, publish and commit within the deadline, then stop to work on all partitions."""
        async with self._revoking:
            await self._revoke()

    async def _revoke(self) -> None:
        deadline = asyncio.get_running_loop().time() + self._settings.drain_seconds
        partitions, self._partitions = self._partitions, {}
        running, self._running = self._running, {}
        drained = True
        try:
            async with asyncio.timeout_at(deadline - self._settings.drain_seconds * _COMMIT_SHARE):
                await asyncio.gather(*(_drain(task, running[p]) for p, task in partitions.items()))
        except TimeoutError:
            drained = False
        # What stopped meanwhile is neither committed nor kept, like what had stopped before.
        partitions = {p: task for p, task in partitions.items() if not running[p].done()}
        for work in running.values():
            work.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)
        with suppress(TimeoutError):  # as for any commit without an answer
            async with asyncio.timeout_at(deadline):
                await self._commit_now({p: task.position() for p, task in partitions.items()})
        memories = {p: task.suspend() for p, task in partitions.items()}
        self._kept.keep(memories, self._committed, self._context.clock())
        self._committed, self._to_commit, self._paused = {}, {}, set()
        self._context.metrics.assigned.set(0)
        self._context.metrics.lag.clear()
        self._context.metrics.committed.clear()
        self._context.metrics.key_records.clear()
        self._context.metrics.stopped.clear()
        log.info("revoked", partitions=sorted(partitions), drained=drained)

    async def _fetch(self) -> None:
        while True:
            batches = await self._source.fetch()
            began_at = self._context.clock()
            for partition, task in tuple(self._partitions.items()):
                if self._partitions.get(partition) is not task:
                    continue  # revoked while we waited: its next owner reads the same records
                if partition in batches:
                    await task.process(batches[partition])
                task.pass_gap(self._source.read_to(partition))
                # A long batch must not delay the responses of the store.
                await asyncio.sleep(0)
            self._context.writes.record_round(self._context.clock() - began_at)
            self._pause_full()

    def _pause_full(self) -> None:
        """Pause partitions that hold too much in memory.

        The age of counts does not matter: in a paused partition the events get as old in Kafka, and
        changes of status wait there with them.
        """
        max_backlog, max_domains = self._settings.max_backlog, 2 * self._settings.max_known_domains
        for partition, task in self._partitions.items():
            ledger = task.ledger
            full = ledger.known_domains > max_domains or ledger.dead_letters.full
            if partition not in self._paused:
                if ledger.backlog > max_backlog or full:
                    self._source.pause([partition])
                    self._paused.add(partition)
            elif ledger.backlog <= max_backlog // 2 and not full:
                self._source.resume([partition])
                self._paused.discard(partition)

    def _ledgers(self) -> list[PartitionLedger]:
        return [task.ledger for task in self._partitions.values()]

    async def _report_metrics(self) -> None:
        metrics = self._context.metrics
        while True:
            await asyncio.sleep(_REPORT_SECONDS)
            metrics.row_epoch.set(self._context.epoch.current())
            self._kept.expire(self._context.clock())
            self._report_stopped()
            known = unpublished = keys = window_lost = 0
            oldest = now = self._context.clock()
            for partition, task in self._partitions.items():
                task.ledger.evict_idle(self._settings.max_known_domains)
                known += task.ledger.known_domains
                unpublished += len(task.ledger.changes)
                keys += task.keys.memory_keys
                window_lost = max(window_lost, task.keys.window_lost_seconds)
                lag = self._source.lag(partition, task.ledger.next_offset)
                at = self._settings.group, self._topic, str(partition)
                metrics.lag.labels(*at).set(lag)
                metrics.committed.labels(*at).set(self._committed[partition].next_offset)
                metrics.key_records.labels(*at).set(task.records_to_read_again)
                if (since := task.ledger.oldest_since()) is not None:
                    oldest = min(oldest, since)
            metrics.domains.set(known)
            metrics.changes_unpublished.set(unpublished)
            metrics.idempotency_keys.set(keys)
            metrics.key_window_lost_seconds.set(window_lost)
            self._context.writes.age_seconds = now - oldest
            metrics.oldest.set(self._context.writes.age_seconds)
            metrics.writes_limit.set(self._context.writes.limit)
            metrics.paused.set(len(self._paused))

    def _report_stopped(self) -> None:
        metrics, stopped = self._context.metrics, self._source.stopped
        metrics.assigned.set(len(self._partitions) + len(stopped))
        metrics.stopped.clear()
        for partition, why in stopped.items():
            at = self._settings.group, self._topic, str(partition)
            metrics.stopped.labels(*at, why.cause).set(1)
        before, self._not_ours = self._not_ours, self._source.not_ours
        metrics.not_ours.inc(self._not_ours - before)

    async def _commit(self) -> None:
        """Commit late: what was counted one interval ago.

        A late commit costs a replay of skipped records after a takeover. The replay repairs
        counts that the new owner read from a replica that had lost its last writes.
        """
        while True:
            await asyncio.sleep(self._settings.commit_interval_seconds)
            await self._commit_now(self._to_commit)
            self._to_commit = {p: task.position() for p, task in self._partitions.items()}

    async def _commit_now(self, positions: Mapping[int, Position]) -> None:
        moved = {
            p: position
            for p, position in positions.items()
            if position.next_offset > self._committed.get(p, position).next_offset
        }
        if not moved:
            return
        try:
            if await self._source.commit(moved):
                self._committed.update(moved)
        except BrokerUnavailableError as error:
            log.warning("commit failed", error=str(error))


async def _drain(task: PartitionTask, work: asyncio.Task[None]) -> None:
    """Return once *task* is drained, or *work* has ended: then it writes nothing any more."""
    draining = asyncio.ensure_future(task.drain())
    try:
        await asyncio.wait({draining, work}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        draining.cancel()
