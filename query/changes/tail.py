"""Follow the topic of changes while the node runs, through every failure of Kafka."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog

from query.changes.change_filter import ChangeFilter
from query.changes.event_id import Offsets, reaches
from query.changes.feed import ChangeFeed
from query.changes.metrics import ChangeMetrics
from query.changes.topic_reader import Record, TopicReader
from shared.errors import BrokerUnavailableError, LogRewrittenError
from shared.telemetry.log_limit import limit_repeated_logs

log = structlog.stdlib.get_logger(__name__)

OpenTopicReader = Callable[[], AbstractAsyncContextManager[TopicReader]]
Clock = Callable[[], float]

_PROBE_SECONDS = 2.0
_LATE_PROBE_SECONDS = 0.5
_RETRY_SECONDS = 1.0
_STUCK_SECONDS = 30.0
"""A consumer is replaced if it returns no record for this long, although there are some."""
_DENIED_SECONDS = 10.0
"""A broker that lost its leadership may deny existing offsets until it learns of that."""
_BATCH = 100
_QUEUED_BATCHES = 20
"""Per partition, while Cassandra is slow to answer."""


class _TopicFollower:
    """Reads each partition in order with one consumer, and publishes to the feed."""

    def __init__(
        self,
        reader: TopicReader,
        change_filter: ChangeFilter,
        feed: ChangeFeed,
        metrics: ChangeMetrics,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._filter = change_filter
        self._feed = feed
        self._metrics = metrics
        self._clock = clock
        self._ends: Offsets = ()
        self._queues: list[asyncio.Queue[Sequence[Record]]] = []
        self._in_flight: list[int] = []

    async def follow(self, *, restart: bool) -> None:
        """Fetch and publish until a failure; *restart* at the end if the topic is another one."""
        self._ends = await self._reader.end_offsets()
        if restart:
            self._feed.reset(self._ends, self._ends)
        elif not self._feed.offsets:
            starts = await self._reader.start_offsets()
            history = self._feed.settings.history_records
            near = [max(s, e - history) for s, e in zip(starts, self._ends, strict=True)]
            self._feed.reset(tuple(near), self._ends)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_lag())
            while True:
                if len(self._queues) < len(self._ends):
                    await self._add_partitions(tasks)
                batches = await self._reader.fetch()
                for partition, records in batches.items():
                    for start in range(0, len(records), _BATCH):
                        self._in_flight[partition] += 1
                        await self._queues[partition].put(records[start : start + _BATCH])
                if not batches:
                    await self._skip_gaps()

    async def _add_partitions(self, tasks: asyncio.TaskGroup) -> None:
        """Read all known partitions; new ones from their beginning."""
        # Known partitions continue after all queued records, so no record is fetched twice.
        await asyncio.gather(*(queue.join() for queue in self._queues))
        self._feed.add_partitions(len(self._ends))
        for partition in range(len(self._queues), len(self._ends)):
            self._queues.append(asyncio.Queue(_QUEUED_BATCHES))
            self._in_flight.append(0)
            tasks.create_task(self._process_partition(partition))
        self._reader.assign(dict(enumerate(self._feed.offsets)))

    async def _process_partition(self, partition: int) -> None:
        queue = self._queues[partition]
        while True:
            records = await queue.get()
            await self._filter.process(
                partition, records, lambda at, change: self._feed.publish(partition, at, change)
            )
            await self._feed.wait_for_room()
            self._in_flight[partition] -= 1
            queue.task_done()

    async def _skip_gaps(self) -> None:
        """Advance over offsets without a record, where every fetched record is published."""
        offsets = self._feed.offsets
        for partition, in_flight in enumerate(self._in_flight):
            if not in_flight:
                reached = await self._reader.next_offset(partition)
                if reached > offsets[partition]:
                    self._feed.publish(partition, reached, None)

    async def _watch_lag(self) -> None:
        """Compare the feed with the end of the topic, and report lag and lateness."""
        caught_up_at = self._clock()
        while True:
            wanted = self._ends
            late = not reaches(self._feed.offsets, wanted)
            try:
                self._ends = await self._reader.end_offsets()
            except BrokerUnavailableError:
                late = True
            self._feed.set_late(late)
            offsets = self._feed.offsets
            self._metrics.lag.set(
                sum(max(0, e - at) for e, at in zip(self._ends, offsets, strict=False))
            )
            if not late or any(self._in_flight):
                caught_up_at = self._clock()
            elif self._clock() - caught_up_at > _STUCK_SECONDS:
                raise BrokerUnavailableError("the consumer returns no more records")
            await asyncio.sleep(_LATE_PROBE_SECONDS if late else _PROBE_SECONDS)


async def follow_topic(
    open_reader: OpenTopicReader,
    change_filter: ChangeFilter,
    feed: ChangeFeed,
    metrics: ChangeMetrics,
    clock: Clock,
) -> None:
    """Follow the topic until cancelled; after a failure continue at the feed's position."""
    denied_since = denied_at = float("-inf")
    while True:
        restart = denied_at - denied_since > _DENIED_SECONDS
        try:
            async with open_reader() as reader:
                await _TopicFollower(reader, change_filter, feed, metrics, clock).follow(
                    restart=restart
                )
        except* BrokerUnavailableError as group:
            log.warning("changes late", error=_first(group))
        except* LogRewrittenError as group:
            log.warning("feed position out of range", error=_first(group))
            if clock() - denied_at > _DENIED_SECONDS:
                denied_since = clock()
            denied_at = clock()
        feed.set_late(late=True)
        await asyncio.sleep(_RETRY_SECONDS)


def _first(group: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)


@asynccontextmanager
async def open_tail(
    open_reader: OpenTopicReader,
    change_filter: ChangeFilter,
    feed: ChangeFeed,
    metrics: ChangeMetrics,
) -> AsyncIterator[None]:
    """Follow the topic and send changes to the clients until the context ends."""
    limit_repeated_logs(__name__, "query.changes.change_filter")
    clock = asyncio.get_running_loop().time
    async with asyncio.TaskGroup() as tasks:
        working = [
            tasks.create_task(follow_topic(open_reader, change_filter, feed, metrics, clock)),
            tasks.create_task(feed.run_flushes()),
            tasks.create_task(feed.run_heartbeats()),
        ]
        try:
            yield
        finally:
            for task in working:
                task.cancel()
