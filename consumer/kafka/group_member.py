"""Read the topic as a member of the consumer group, through aiokafka.

What aiokafka 0.14 does, and what we do about it:

- It revokes everything at each rebalance, so ``revoke`` has no list of partitions.
- It swallows the exceptions of its callbacks: we store the error and raise it from ``fetch``.
- It starts to fetch before ``on_partitions_assigned`` has finished, and one partition without a
  position holds up all others of its broker. So each partition is paused, at any position, until
  the worker owns it.
- It sends no heartbeats during its callbacks, so the group expels a member that stays in one. We
  wait there only for a part of the heartbeat interval; the positions of partitions that do not
  answer by then, perhaps because they have no leader, are found beside it.
- A deposed leader may report an offset as out of range (see ``partition_offsets``). We believe
  the report only after it has lasted for a while.
- With ``auto_offset_reset="none"`` it never jumps. ``counting/start.py`` decides where a partition
  starts, or that it must not: then it stays paused, and is looked at again every few seconds.
- It reports no error when one of its tasks ends (``client_tasks``).
- An error of one partition may drop records of others: after it we seek to where reading was.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)

from consumer.config import WorkerSettings
from consumer.counting.position import Position
from consumer.counting.start import Stopped
from consumer.kafka.client_tasks import require_running
from consumer.kafka.lasting_reports import LastingReports
from consumer.kafka.partition_offsets import REQUEST_SECONDS, RETRY_SECONDS, PartitionOffsets
from consumer.kafka.partition_starts import PartitionStarts
from consumer.kafka.record_source import Assignee, Record
from consumer.kafka.sticky_assignor import Claim, StickyAssignor
from consumer.kafka.stopped_partitions import StoppedPartitions
from shared.config import KafkaConfig
from shared.errors import AccessDeniedError, BrokerUnavailableError, PipelineError
from shared.kafka.client import client_arguments
from shared.kafka.rights import Right, require_access

log = structlog.stdlib.get_logger(__name__)

_FETCH_WAIT_MS = 200
_MAX_RECORDS = 4_000
"""Per fetch: decoding many records at once would block the event loop."""
_FETCH_BYTES = 256 * 1024
"""Of one partition, compressed: some 30,000 events, whose buckets may all be unread."""
_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
FAILED_SECONDS = 1.0
_HEARTBEATS_PER_SESSION = 5


class KafkaRecordSource(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """A record source on an aiokafka consumer."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topic: str,
        group: str,
        assignor: StickyAssignor,
        callback_seconds: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._assignor = assignor
        self._callback_seconds = callback_seconds
        self.starts = PartitionStarts(self._start, lambda: self.stopped.waiting)
        self._assigned = asyncio.Event()
        self.offsets = PartitionOffsets(consumer, topic, group, clock)
        self._assignee: Assignee | None = None
        self._failure: Exception | None = None
        self._out_of_range = LastingReports(clock)
        self._read_to: dict[int, int] = {}
        """Of each partition that was started."""
        self.stopped = StoppedPartitions()
        self.not_ours = 0

    async def probe(self) -> None:
        """Check that Kafka answers, with the same topic. Raises BrokerUnavailableError."""
        found = await self.offsets.read_topic_id()
        if self.offsets.is_other_topic(found) and not self.stopped:
            # The next assignment finds the same, and stops every partition.
            self._consumer._coordinator.request_rejoin()  # noqa: SLF001 nothing public does

    async def wait_for_assignment(self) -> None:
        """Return once this member has had an assignment, be it empty."""
        await self._assigned.wait()

    def subscribe(self, assignee: Assignee) -> None:
        """Join the group on behalf of *assignee*."""
        self._assignee = assignee
        self._consumer.subscribe([self._topic], listener=self)

    async def fetch(self) -> Mapping[int, Sequence[Record]]:
        """See RecordSource. Raises the error of a failed assignment, or of aiokafka's own tasks."""
        if self._failure is not None:
            raise self._failure
        require_running(self._consumer)
        try:
            batches = await self._consumer.getmany(
                timeout_ms=_FETCH_WAIT_MS, max_records=_MAX_RECORDS
            )
        except NoOffsetForPartitionError:
            return {}  # raised before our own seek, see the module
        except OffsetOutOfRangeError as error:
            (out_of_range,) = error.args
            await self._check_out_of_range(out_of_range)
            await asyncio.sleep(RETRY_SECONDS)
            return {}
        except (GroupAuthorizationFailedError, TopicAuthorizationFailedError) as error:
            raise AccessDeniedError(f"Kafka: no right to read: {error}") from error
        except KafkaError as error:
            log.warning("fetch failed", error=f"{type(error).__name__}: {error}")
            for partition, offset in self._read_to.items():
                self._consumer.seek(self._at(partition), offset)
            await asyncio.sleep(FAILED_SECONDS)
            return {}
        for tp in batches:
            self._out_of_range.clear(tp)
        for partition in self._read_to:
            self._read_to[partition] = await self._consumer.position(self._at(partition))
        return {tp.partition: records for tp, records in batches.items()}

    async def _check_out_of_range(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Assign again if an offset is surely out of range: then its partition stops."""
        for tp, offset in offsets.items():
            log.warning("offset out of range", at=f"{tp.topic}/{tp.partition}", offset=offset)
            if not self._out_of_range.lasts(tp):
                continue
            try:
                start, end = await self.offsets.bounds(tp.partition)
            except BrokerUnavailableError:
                continue
            self._out_of_range.clear(tp)
            if not start <= offset <= end:  # the next assignment finds the same
                self._consumer._coordinator.request_rejoin()  # noqa: SLF001 nothing public does

    async def commit(self, positions: Mapping[int, Position]) -> bool:
        """See RecordSource. Raises BrokerUnavailableError if Kafka does not answer in time."""
        offsets = {self._at(p): (at.next_offset, at.metadata()) for p, at in positions.items()}
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            log.info("partitions are no longer ours", error=str(error))
            return False
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(f"commit failed: {type(error).__name__}") from error
        self.offsets.record_committed(positions)
        return True

    async def end_offset(self, partition: int, at_least: int) -> int:
        """See RecordSource. Raises BrokerUnavailableError."""
        return await self.offsets.end_offset(partition, at_least)

    def read_to(self, partition: int) -> int:
        """See RecordSource."""
        return self._read_to.get(partition, 0)

    def lag(self, partition: int, next_offset: int) -> int:
        """See RecordSource."""
        if self._at(partition) not in self._consumer.assignment():
            return 0  # just revoked
        return max(0, (self._consumer.highwater(self._at(partition)) or 0) - next_offset)

    def pause(self, partitions: Iterable[int]) -> None:
        """See RecordSource."""
        self._consumer.pause(*(self._at(p) for p in partitions))

    def resume(self, partitions: Iterable[int]) -> None:
        """See RecordSource."""
        self._consumer.resume(*(self._at(p) for p in partitions))

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Let the assignee give up its partitions."""
        await self.starts.cancel()
        self._read_to = {}
        if self._assignee is None or not revoked:
            return
        self.stopped.clear()
        try:
            await self._assignee.revoke()
        except Exception as error:  # noqa: BLE001 aiokafka would swallow it; fetch raises it
            self._failure = error

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Start the partitions that answer in time; the others are started beside it."""
        if self._assignee is None:
            return
        generation = self._consumer._coordinator.generation  # noqa: SLF001 nothing public has it
        partitions = {tp.partition for tp in assigned}
        self._assignor.claim = Claim(generation, partitions)
        for tp in assigned:
            self._consumer.pause(tp)
            self._consumer.seek(tp, 0)
        self._assignee.start_generation(generation, partitions)
        await self.starts.begin(partitions, self._callback_seconds)
        self._assigned.set()

    async def _start(self, partitions: Collection[int]) -> None:
        """Find where each partition starts, and assign those that may."""
        if self._assignee is None:
            return
        try:
            found = await self.offsets.find_starts([*partitions])
            self.not_ours += found.not_ours
            if found.to_commit:
                await self._commit_start(found.to_commit)
            # Nothing waits from here on: what is cancelled is started again.
            self.stopped.update(partitions, found.stopped)
            if found.positions:
                for partition, offset in self._assignee.assign(found.positions).items():
                    self._consumer.seek(self._at(partition), offset)
                    self._consumer.resume(self._at(partition))
                    self._read_to[partition] = offset
        except IllegalStateError:
            log.info("assignment replaced by the next one")
        except Exception as error:  # noqa: BLE001 aiokafka would swallow it; fetch raises it
            self._failure = error

    async def _commit_start(self, positions: Mapping[int, Position]) -> None:
        """Commit where partitions start. Else only this process would know it."""
        try:
            await self.commit(positions)
        except BrokerUnavailableError as error:
            log.warning("commit failed", error=str(error))

    def stop(self, partition: int, stopped: Stopped) -> None:
        """See RecordSource."""
        self.stopped.refuse(partition, stopped)
        if self._at(partition) in self._consumer.assignment():
            self.pause([partition])

    def _at(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)


@asynccontextmanager
async def open_source(
    kafka: KafkaConfig, settings: WorkerSettings
) -> AsyncIterator[KafkaRecordSource]:
    """Connect to Kafka; leave the group and close at the end. ``subscribe`` joins the group.

    Raises AccessDeniedError without the right to read the topic.
    """
    await require_access(kafka, {kafka.topic: Right.READ})
    assignor = StickyAssignor()
    heartbeat_seconds = settings.session_timeout_seconds / _HEARTBEATS_PER_SESSION
    consumer = AIOKafkaConsumer(
        **client_arguments(kafka),
        group_id=settings.group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        session_timeout_ms=int(settings.session_timeout_seconds * 1000),
        rebalance_timeout_ms=int(settings.session_timeout_seconds * 1000),
        heartbeat_interval_ms=int(heartbeat_seconds * 1000),
        partition_assignment_strategy=[assignor],
        max_partition_fetch_bytes=_FETCH_BYTES,
        metadata_max_age_ms=30_000,
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_stop, consumer)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await consumer.start()
        except (KafkaError, TimeoutError) as error:
            raise PipelineError(f"no Kafka at {kafka.bootstrap_servers}") from error
        source = KafkaRecordSource(
            consumer, kafka.topic, settings.group, assignor, heartbeat_seconds / 2
        )
        stack.push_async_callback(source.starts.cancel)
        yield source


async def _stop(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await consumer.stop()
    except TimeoutError:
        log.warning("the consumer did not stop in time")
