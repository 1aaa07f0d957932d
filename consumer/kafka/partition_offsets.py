"""Read from Kafka where partitions begin and end, and what the group has committed.

aiokafka 0.14 sends no leader epoch (KIP-320). So a stale leader, which was cut off or frozen and
has been replaced, may report an end below offsets that exist. We believe such a report only after
it has lasted for a while.
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
"""After this time a replaced leader has noticed that it is stale."""


class PartitionOffsets:
    """The offsets of one topic's partitions. *clock* is monotonic."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, clock: Callable[[], float]) -> None:
        self._consumer = consumer
        self._topic = topic
        self._clock = clock

    async def find_positions(self, partitions: list[int]) -> dict[int, Position]:
        """Return where to start each partition: the committed position, or its beginning.

        Retries until Kafka answers. If the group rebalances meanwhile, a callback follows soon.
        Raises LogRewrittenError.
        """
        while True:
            try:
                return await self._positions(partitions)
            except BrokerUnavailableError as error:
                log.warning("committed offsets not known yet", error=str(error))
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
                    f"{self._topic}/{partition}: committed {committed.next_offset}, but the "
                    f"partition has {start} to {end}; a new topic needs a new name"
                )
            keys_from = max(committed.keys_from, start)
            positions[partition] = Position(committed.next_offset, keys_from)
        return positions

    async def _committed(self, partitions: Sequence[int]) -> dict[int, Position | None]:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                # `committed` calls this too, but drops the metadata.
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
                log.warning(
                    "committed offset without keys-from; earlier keys are unknown", at=str(tp)
                )
                position = Position.at(committed.offset)
            positions[tp.partition] = position
        return positions

    async def end_offsets(self, at_least: Mapping[int, int]) -> dict[int, int]:
        """Return where partitions end. Retry for a while if that is below *at_least*."""
        deadline = self._clock() + STALE_LEADER_SECONDS
        while True:
            ends = await self._offsets(self._consumer.end_offsets, list(at_least))
            if all(ends[p] >= end for p, end in at_least.items()) or self._clock() > deadline:
                return ends
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
