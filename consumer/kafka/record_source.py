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
- With ``auto_offset_reset="none"`` a partition without a committed offset is an error. We start
  such a partition at its beginning on purpose, and never jump anywhere else.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Protocol

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
from consumer.kafka.partition_offsets import (
    REQUEST_SECONDS,
    RETRY_SECONDS,
    STALE_LEADER_SECONDS,
    PartitionOffsets,
)
from consumer.kafka.partition_starts import PartitionStarts
from consumer.kafka.sticky_assignor import Claim, StickyAssignor
from shared.config import KafkaConfig
from shared.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    LogRewrittenError,
    PipelineError,
)
from shared.kafka.client import client_arguments
from shared.kafka.rights import Right, require_access

log = structlog.stdlib.get_logger(__name__)

_FETCH_WAIT_MS = 200
_MAX_RECORDS = 4_000
"""Per fetch: decoding many records at once would block the event loop."""
_FETCH_BYTES = 256 * 1024
"""Of one partition, compressed: some 30,000 events, whose buckets may all be unread."""
_STOP_SECONDS = 5.0
_HEARTBEATS_PER_SESSION = 5


class Record(Protocol):
    """Bytes at an offset of a partition."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    """The append time by the broker's clock, in milliseconds since 1970."""
    headers: Sequence[tuple[str, bytes]]


class Assignee(Protocol):
    """Works on the partitions that are assigned to this member of the group."""

    def start_generation(self, generation: int, partitions: Collection[int]) -> None:
        """Record which partitions a generation of the group gives to this member, perhaps none.

        ``assign`` follows, once or more, as their positions become known.
        """

    def assign(self, positions: Mapping[int, Position]) -> Mapping[int, int]:
        """Start to work on partitions from their committed positions.

        Return the offset to read each of them from.
        """

    async def revoke(self) -> None:
        """Give up every partition: flush, commit, stop."""


class RecordSource(Protocol):
    """One member of a consumer group on one topic."""

    async def fetch(self) -> Mapping[int, Sequence[Record]]:
        """Return the next records by partition. May be empty."""

    async def commit(self, positions: Mapping[int, Position]) -> bool:
        """Commit *positions*. Return False if the partitions are no longer ours."""

    async def end_offset(self, partition: int, at_least: int) -> int:
        """Return the offset that the next record of *partition* will have.

        A result below *at_least* is returned only after Kafka has reported it for a while.
        """

    def lag(self, partition: int, next_offset: int) -> int:
        """Return the number of records not read yet, by the last fetch."""

    def pause(self, partitions: Iterable[int]) -> None:
        """Stop fetching *partitions* until they are resumed."""

    def resume(self, partitions: Iterable[int]) -> None:
        """Continue to fetch *partitions*."""


class KafkaRecordSource(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """A record source on an aiokafka consumer."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topic: str,
        assignor: StickyAssignor,
        callback_seconds: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._assignor = assignor
        self._callback_seconds = callback_seconds
        self.starts = PartitionStarts(self._start)
        self._assigned = asyncio.Event()
        self._clock = clock
        self._offsets = PartitionOffsets(consumer, topic, clock)
        self._assignee: Assignee | None = None
        self._failure: Exception | None = None
        self._out_of_range_since: dict[TopicPartition, float] = {}

    async def probe(self) -> None:
        """Check that Kafka answers. Raises BrokerUnavailableError."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await self._consumer.topics()
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(f"no answer: {type(error).__name__}") from error

    async def wait_for_assignment(self) -> None:
        """Return once this member has had an assignment, be it empty."""
        await self._assigned.wait()

    def subscribe(self, assignee: Assignee) -> None:
        """Join the group on behalf of *assignee*."""
        self._assignee = assignee
        self._consumer.subscribe([self._topic], listener=self)

    async def fetch(self) -> Mapping[int, Sequence[Record]]:
        """See RecordSource. Raises LogRewrittenError, and the error of a failed assignment."""
        if self._failure is not None:
            raise self._failure
        try:
            batches = await self._consumer.getmany(
                timeout_ms=_FETCH_WAIT_MS, max_records=_MAX_RECORDS
            )
        except NoOffsetForPartitionError:
            return {}  # raised before our own seek, see the module
        except OffsetOutOfRangeError as error:
            (out_of_range,) = error.args
            self._check_out_of_range(out_of_range)
            await asyncio.sleep(RETRY_SECONDS)
            return {}
        except (GroupAuthorizationFailedError, TopicAuthorizationFailedError) as error:
            raise AccessDeniedError(f"Kafka: no right to read: {error}") from error
        except KafkaError as error:
            log.warning("fetch failed", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(1.0)
            return {}
        for tp in batches:
            self._out_of_range_since.pop(tp, None)
        return {tp.partition: records for tp, records in batches.items()}

    def _check_out_of_range(self, offsets: Mapping[TopicPartition, int]) -> None:
        now = self._clock()
        for tp, offset in offsets.items():
            if now - self._out_of_range_since.setdefault(tp, now) > STALE_LEADER_SECONDS:
                raise LogRewrittenError(
                    f"{tp.topic}/{tp.partition}: offset {offset} is out of range; a new topic "
                    "needs a new name"
                )
            log.warning("offset out of range", at=str(tp), offset=offset)

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
        return True

    async def end_offset(self, partition: int, at_least: int) -> int:
        """See RecordSource. Raises BrokerUnavailableError."""
        return (await self._offsets.end_offsets({partition: at_least}))[partition]

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
        if self._assignee is None or not revoked:
            return
        try:
            await self._assignee.revoke()
        except Exception as error:  # noqa: BLE001 aiokafka would swallow it; fetch raises it
            self._failure = error

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Start the partitions that answer in time; the others are started beside it."""
        if self._assignee is None:
            return
        generation = self._consumer._coordinator.generation  # noqa: SLF001 nothing else tells
        partitions = {tp.partition for tp in assigned}
        self._assignor.claim = Claim(generation, partitions)
        for tp in assigned:
            self._consumer.pause(tp)
            self._consumer.seek(tp, 0)
        self._assignee.start_generation(generation, partitions)
        await self.starts.begin(partitions, self._callback_seconds)
        self._assigned.set()

    async def _start(self, partitions: Collection[int]) -> None:
        """Find the position of each partition, and assign them."""
        if self._assignee is None:
            return
        try:
            positions = await self._offsets.find_positions([*partitions])
            for partition, offset in self._assignee.assign(positions).items():
                self._consumer.seek(self._at(partition), offset)
                self._consumer.resume(self._at(partition))
        except IllegalStateError:
            log.info("assignment replaced by the next one")
        except Exception as error:  # noqa: BLE001 aiokafka would swallow it; fetch raises it
            self._failure = error

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
        session_timeout_ms=int(settings.session_timeout_seconds * 1000),
        rebalance_timeout_ms=int(settings.session_timeout_seconds * 1000),
        heartbeat_interval_ms=int(heartbeat_seconds * 1000),
        partition_assignment_strategy=[assignor],
        max_partition_fetch_bytes=_FETCH_BYTES,
        metadata_max_age_ms=30_000,
    )
    try:
        async with asyncio.timeout(60):
            await consumer.start()
    except (KafkaError, TimeoutError) as error:
        raise PipelineError(f"no Kafka at {kafka.bootstrap_servers}") from error
    source = KafkaRecordSource(consumer, kafka.topic, assignor, heartbeat_seconds / 2)
    try:
        yield source
    finally:
        await source.starts.cancel()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await consumer.stop()
        except TimeoutError:
            log.warning("the consumer did not stop in time")
