"""Follow the topic of changes for as long as the node lives, whatever Kafka does meanwhile."""

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
"""A consumer that brings nothing for so long, although there is something, is replaced."""
_DENIED_SECONDS = 10.0
"""A broker that was deposed may deny offsets that exist; by then it has heard of it."""
_BATCH = 100
_WAITING_BATCHES = 20
"""Of one partition, while the store is slow to answer for it."""


class _Follower:
    """What one consumer does: reads each partition in its order, and tells the feed."""

    def __init__(
        self,
        source: TopicReader,
        change_filter: ChangeFilter,
        feed: ChangeFeed,
        metrics: ChangeMetrics,
        clock: Clock,
    ) -> None:
        self._source = source
        self._filter = change_filter
        self._feed = feed
        self._metrics = metrics
        self._clock = clock
        self._ends: Offsets = ()
        self._queues: list[asyncio.Queue[Sequence[Record]]] = []
        self._in_hand: list[int] = []

    async def follow(self, *, anew: bool) -> None:
        """Fetch and tell until something fails; begin *anew* if the topic is another one."""
        self._ends = await self._source.ends()
        if anew:
            self._feed.begin(self._ends, self._ends)
        elif not self._feed.offsets:
            starts = await self._source.starts()
            history = self._feed.settings.history_records
            near = [max(s, e - history) for s, e in zip(starts, self._ends, strict=True)]
            self._feed.begin(tuple(near), self._ends)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_looking())
            while True:
                if len(self._queues) < len(self._ends):
                    await self._take_partitions(tasks)
                batches = await self._source.fetch()
                for partition, records in batches.items():
                    for start in range(0, len(records), _BATCH):
                        self._in_hand[partition] += 1
                        await self._queues[partition].put(records[start : start + _BATCH])
                if not batches:
                    await self._pass_gaps()

    async def _take_partitions(self, tasks: asyncio.TaskGroup) -> None:
        """Read all partitions that are known: new ones from their beginning."""
        # Those that we had go on with what is not told yet; nothing is fetched twice.
        await asyncio.gather(*(queue.join() for queue in self._queues))
        self._feed.grow(len(self._ends))
        for partition in range(len(self._queues), len(self._ends)):
            self._queues.append(asyncio.Queue(_WAITING_BATCHES))
            self._in_hand.append(0)
            tasks.create_task(self._keep_judging(partition))
        self._source.read_from(dict(enumerate(self._feed.offsets)))

    async def _keep_judging(self, partition: int) -> None:
        queue = self._queues[partition]
        while True:
            records = await queue.get()
            await self._filter.apply(
                partition, records, lambda at, news: self._feed.tell(partition, at, news)
            )
            await self._feed.room()
            self._in_hand[partition] -= 1
            queue.task_done()

    async def _pass_gaps(self) -> None:
        """Go on over offsets without a record, where all that was fetched is told."""
        offsets = self._feed.offsets
        for partition, in_hand in enumerate(self._in_hand):
            if not in_hand:
                reached = await self._source.next_offset(partition)
                if reached > offsets[partition]:
                    self._feed.tell(partition, reached, None)

    async def _keep_looking(self) -> None:
        """Compare with where the topic ends, and say so where we are behind."""
        caught_up_at = self._clock()
        while True:
            wanted = self._ends
            late = not reaches(self._feed.offsets, wanted)
            try:
                self._ends = await self._source.ends()
            except BrokerUnavailableError:
                late = True
            self._feed.set_late(late)
            offsets = self._feed.offsets
            self._metrics.lag.set(
                sum(max(0, e - at) for e, at in zip(self._ends, offsets, strict=False))
            )
            if not late or any(self._in_hand):
                caught_up_at = self._clock()
            elif self._clock() - caught_up_at > _STUCK_SECONDS:
                raise BrokerUnavailableError("the consumer brings nothing any more")
            await asyncio.sleep(_LATE_PROBE_SECONDS if late else _PROBE_SECONDS)


async def follow_topic(
    open_reader: OpenTopicReader,
    change_filter: ChangeFilter,
    feed: ChangeFeed,
    metrics: ChangeMetrics,
    clock: Clock,
) -> None:
    """Follow the topic until cancelled; after a failure go on with what was not told yet."""
    denied_since = denied_at = float("-inf")
    while True:
        anew = denied_at - denied_since > _DENIED_SECONDS
        try:
            async with open_reader() as source:
                await _Follower(source, change_filter, feed, metrics, clock).follow(anew=anew)
        except* BrokerUnavailableError as group:
            log.warning("changes are late", error=_first(group))
        except* LogRewrittenError as group:
            log.warning("the log denies where we were", error=_first(group))
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
    """Follow the topic and keep the feed's clients up to date until left."""
    limit_repeated_logs(__name__, "query.changes.change_filter")
    clock = asyncio.get_running_loop().time
    async with asyncio.TaskGroup() as tasks:
        working = [
            tasks.create_task(follow_topic(open_reader, change_filter, feed, metrics, clock)),
            tasks.create_task(feed.keep_telling()),
            tasks.create_task(feed.keep_alive()),
        ]
        try:
            yield
        finally:
            for task in working:
                task.cancel()
