"""Read from Kafka where partitions begin and end, and what the group has committed.

aiokafka 0.14 sends no leader epoch (KIP-320). So a stale leader, which was cut off or frozen and
has been replaced, may report an end below offsets that exist. We believe such a report only after
it has lasted for a while.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from consumer.counting.position import Position
from consumer.counting.start import AcceptedLoss, Cause, Stopped, choose_start
from shared.errors import BrokerUnavailableError
from shared.kafka.group_offsets import CommittedOffset, read_group_offsets
from shared.kafka.topic_ids import read_topic_id

log = structlog.stdlib.get_logger(__name__)

REQUEST_SECONDS = 5.0
RETRY_SECONDS = 0.5
STALE_LEADER_SECONDS = 10.0
"""After this time a replaced leader has noticed that it is stale."""


def group_of_accepted_losses(group: str) -> str:
    """Return the group without members under which the operator's decisions are committed."""
    return f"{group}.accepted-losses"


@dataclass(slots=True)
class Starts:
    """Where partitions start, and which of them must not."""

    positions: dict[int, Position] = field(default_factory=dict)
    stopped: dict[int, Stopped] = field(default_factory=dict)
    to_commit: dict[int, Position] = field(default_factory=dict)
    """What replaces a committed offset that is not ours, or from which the operator moved on."""
    not_ours: int = 0
    """How many committed offsets are not ours."""


class PartitionOffsets:
    """The offsets of one topic's partitions, and of one group in them. *clock* is monotonic."""

    def __init__(
        self, consumer: AIOKafkaConsumer, topic: str, group: str, clock: Callable[[], float]
    ) -> None:
        self._consumer = consumer
        self._client = consumer._client  # noqa: SLF001 `committed` drops texts and errors
        self._topic = topic
        self._group = group
        self._clock = clock
        self._ours: dict[int, Position] = {}
        """The last positions of this group that we know to be committed by a worker."""
        self.counted_topic: UUID | None = None
        """The id of the topic that the rows count; None: not compared."""
        self._warned = False

    async def find_starts(self, partitions: Sequence[int]) -> Starts:
        """Return where to start each partition. Retries until Kafka answers.

        If the group rebalances meanwhile, a callback follows soon. Raises AccessDeniedError.
        """
        while True:
            try:
                return await self._find_starts(partitions)
            except BrokerUnavailableError as error:
                log.warning("committed offsets not known yet", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    def record_committed(self, positions: Mapping[int, Position]) -> None:
        """Record that a worker has committed *positions*."""
        self._ours.update(positions)

    async def read_topic_id(self) -> UUID | None:
        """Return the id of the topic; None if Kafka knows none. Raises BrokerUnavailableError."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                found = await read_topic_id(self._client, self._topic)
        except TimeoutError as error:
            raise BrokerUnavailableError("no topic id in time") from error
        if found is None and not self._warned:
            self._warned = True
            log.warning(
                "no topic id: a topic that is created again is not noticed", topic=self._topic
            )
        return found

    async def wait_for_topic_id(self) -> UUID | None:
        """Return the id of the topic once Kafka answers; None if Kafka knows none."""
        while True:
            try:
                return await self.read_topic_id()
            except BrokerUnavailableError as error:
                log.warning("topic not known yet", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    def is_other_topic(self, found: UUID | None) -> bool:
        """Return whether *found* is certainly not the topic that the rows count."""
        return None not in {found, self.counted_topic} and found != self.counted_topic

    async def _find_starts(self, partitions: Sequence[int]) -> Starts:
        if self.is_other_topic(topic_id := await self.read_topic_id()):
            other = Stopped(
                Cause.LOG_REWRITTEN,
                f"the topic was created again: its id is {topic_id}, but {self.counted_topic} is "
                "counted; a new topic needs a new name",
            )
            return Starts(stopped=dict.fromkeys(partitions, other))
        # Of all partitions: the next owner of one should know what its worker has committed.
        everywhere = {*partitions, *(self._consumer.partitions_for_topic(self._topic) or ())}
        committed = await self._read(self._group, sorted(everywhere))
        accepted = await self._read(group_of_accepted_losses(self._group), partitions)
        starts = await self._offsets(self._consumer.beginning_offsets, partitions)
        ends = await self._offsets(self._consumer.end_offsets, partitions)
        for partition, there in committed.items():
            if there is not None and (position := Position.parse(*there)) is not None:
                self._ours[partition] = position
        found = Starts()
        for partition in partitions:
            there, start, end = committed[partition], starts[partition], ends[partition]
            position = None if there is None else Position.parse(*there)
            if there is not None and position is None:
                position = self._ours.get(partition) or Position.at(start)
                found.to_commit[partition] = position
                found.not_ours += 1
                log.warning(
                    "an offset that no worker committed is not believed",
                    at=f"{self._topic}/{partition}",
                    committed=there.offset,
                    instead=position.next_offset,
                )
            word = accepted[partition]
            at = choose_start(
                position, start, end, None if word is None else AcceptedLoss.parse(*word)
            )
            if isinstance(at, Stopped):
                found.stopped[partition] = at
            else:
                found.positions[partition] = at
                if at.next_offset > (position.next_offset if position else 0):
                    found.to_commit[partition] = at
        return found

    async def _read(
        self, group: str, partitions: Sequence[int]
    ) -> dict[int, CommittedOffset | None]:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await read_group_offsets(self._client, group, self._topic, partitions)
        except TimeoutError as error:
            raise BrokerUnavailableError("no group offsets in time") from error

    async def bounds(self, partition: int) -> tuple[int, int]:
        """Return where *partition* starts and ends. Raises BrokerUnavailableError."""
        starts = await self._offsets(self._consumer.beginning_offsets, [partition])
        ends = await self._offsets(self._consumer.end_offsets, [partition])
        return starts[partition], ends[partition]

    async def end_offset(self, partition: int, at_least: int) -> int:
        """Return where *partition* ends. Retry for a while if that is below *at_least*."""
        deadline = self._clock() + STALE_LEADER_SECONDS
        while True:
            ends = await self._offsets(self._consumer.end_offsets, [partition])
            if ends[partition] >= at_least or self._clock() > deadline:
                return ends[partition]
            await asyncio.sleep(RETRY_SECONDS)

    async def _offsets(self, request: Any, partitions: Sequence[int]) -> dict[int, int]:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                offsets = await request([self._at(p) for p in partitions])
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(f"no offsets: {type(error).__name__}") from error
        return {tp.partition: offset for tp, offset in offsets.items()}

    def _at(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)
