"""Ask Kafka where logs begin and end, and where the group goes on, through an aiokafka consumer.

aiokafka 0.14 sends no leader epoch (KIP-320), so a leader that was deposed while it was cut off or
frozen may say that the log ends before offsets that exist: such a word must last to be believed.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from consumer.counting.position import Position
from shared.errors import BrokerUnavailableError, LogRewrittenError

log = structlog.stdlib.get_logger(__name__)

REQUEST_SECONDS = 5.0
RETRY_SECONDS = 0.5
STALE_LEADER_SECONDS = 10.0
"""By then a leader that is none any more has heard of it."""


class PartitionOffsets:
    """The offsets of one topic's partitions; *clock* is monotonic."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, clock: Callable[[], float]) -> None:
        self._consumer = consumer
        self._topic = topic
        self._clock = clock

    async def find_positions(self, partitions: list[int]) -> dict[int, Position]:
        """Return where each partition goes on, or begins if the group never committed.

        Asks until Kafka answers: if the group has gone on meanwhile, we soon hear of it. Raises
        LogRewrittenError.
        """
        while True:
            try:
                return await self._positions(partitions)
            except BrokerUnavailableError as error:
                log.warning("where to read on is not known yet", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _positions(self, partitions: list[int]) -> dict[int, Position]:
        starts = await self._offsets(self._consumer.beginning_offsets, partitions)
        found = await self._committed(partitions)
        ends = await self.end_offsets({p: at.next_offset if at else 0 for p, at in found.items()})
        positions: dict[int, Position] = {}
        for partition, committed in found.items():
            start, end = starts[partition], ends[partition]
            if committed is None:
                positions[partition] = Position.at(start)
                continue
            if not start <= committed.next_offset <= end:
                raise LogRewrittenError(
                    f"{self._topic}/{partition}: committed {committed.next_offset}, but the log "
                    f"has {start} to {end}; a new topic needs a new name"
                )
            keys_from = max(committed.keys_from, start)
            positions[partition] = Position(committed.next_offset, keys_from)
        return positions

    async def _committed(self, partitions: Sequence[int]) -> dict[int, Position | None]:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                # What `committed` itself calls; that one leaves the text out.
                found = await self._consumer._coordinator.fetch_committed_offsets(  # noqa: SLF001
                    [self._at(p) for p in partitions]
                )
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(f"no offsets: {type(error).__name__}") from error
        positions: dict[int, Position | None] = dict.fromkeys(partitions)
        for tp, committed in found.items():
            if committed.offset < 0:
                continue
            position = Position.parse(committed.offset, committed.metadata)
            if position is None:
                log.warning("offset committed by another; keys before it are not known", at=str(tp))
                position = Position.at(committed.offset)
            positions[tp.partition] = position
        return positions

    async def end_offsets(self, at_least: Mapping[int, int]) -> dict[int, int]:
        """Return where logs end; ask again for a while where that is less than it must be."""
        deadline = self._clock() + STALE_LEADER_SECONDS
        while True:
            ends = await self._offsets(self._consumer.end_offsets, list(at_least))
            if all(ends[p] >= end for p, end in at_least.items()) or self._clock() > deadline:
                return ends
            await asyncio.sleep(RETRY_SECONDS)

    async def _offsets(self, ask: Any, partitions: Sequence[int]) -> dict[int, int]:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                answer = await ask([self._at(p) for p in partitions])
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(f"no offsets: {type(error).__name__}") from error
        return {tp.partition: offset for tp, offset in answer.items()}

    def _at(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)
