"""Read the topic of changes from any offset, without a consumer group."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from query.changes.event_id import Offsets
from shared.config import KafkaConfig
from shared.errors import BrokerUnavailableError, LogRewrittenError
from shared.kafka.client import client_arguments
from shared.telemetry.log_limit import limit_repeated_logs

log = structlog.stdlib.get_logger(__name__)

_NOISY = ("aiokafka", "aiokafka.cluster", "aiokafka.conn", "aiokafka.consumer.fetcher")
_FETCH_WAIT_MS = 200
_MAX_RECORDS = 1_000
_START_SECONDS = 15.0
_STOP_SECONDS = 3.0
_METADATA_MS = 10_000
"""The time until a new partition is found. It is read from its beginning, so nothing is missed."""


class Record(Protocol):
    """A record of one partition."""

    @property
    def offset(self) -> int:
        """The offset."""

    @property
    def key(self) -> bytes | None:
        """The domain."""

    @property
    def value(self) -> bytes | None:
        """The encoded change."""


class TopicReader(Protocol):
    """One reader of the topic of changes."""

    async def start_offsets(self) -> Offsets:
        """Return the first offset of each partition. Raises BrokerUnavailableError."""

    async def end_offsets(self) -> Offsets:
        """Return the offset after the last record of each partition.

        Raises BrokerUnavailableError.
        """

    def assign(self, offsets: Mapping[int, int]) -> None:
        """Read exactly these partitions, from these offsets on."""

    async def fetch(self) -> Mapping[int, Sequence[Record]]:
        """Return the next records by partition, or none after a short wait.

        Raises BrokerUnavailableError, and LogRewrittenError if the topic does not have an offset.
        """

    async def next_offset(self, partition: int) -> int:
        """Return the next offset to fetch of *partition*; compacted records are skipped."""


class KafkaTopicReader:
    """A reader on an aiokafka consumer."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, request_seconds: float) -> None:
        self._consumer = consumer
        self._topic = topic
        self._request_seconds = request_seconds

    async def start_offsets(self) -> Offsets:
        """See TopicReader."""
        return await self._offsets(self._consumer.beginning_offsets)

    async def end_offsets(self) -> Offsets:
        """See TopicReader."""
        return await self._offsets(self._consumer.end_offsets)

    def assign(self, offsets: Mapping[int, int]) -> None:
        """See TopicReader."""
        self._consumer.assign([self._at(partition) for partition in offsets])
        for partition, offset in offsets.items():
            self._consumer.seek(self._at(partition), offset)

    async def fetch(self) -> Mapping[int, Sequence[Record]]:
        """See TopicReader."""
        try:
            batches = await self._consumer.getmany(
                timeout_ms=_FETCH_WAIT_MS, max_records=_MAX_RECORDS
            )
        except OffsetOutOfRangeError as error:
            raise LogRewrittenError(f"{self._topic}: offset out of range: {error}") from error
        except KafkaError as error:
            raise BrokerUnavailableError(f"no changes: {type(error).__name__}") from error
        return {tp.partition: records for tp, records in batches.items()}

    async def next_offset(self, partition: int) -> int:
        """See TopicReader."""
        offset: int = await self._consumer.position(self._at(partition))
        return offset

    async def _offsets(self, request: Any) -> Offsets:
        try:
            async with asyncio.timeout(self._request_seconds):
                # From this call on the consumer keeps the topic's metadata up to date.
                await self._consumer._client.add_topic(self._topic)  # noqa: SLF001 no public way
                partitions = self._consumer.partitions_for_topic(self._topic)
                if not partitions:
                    raise BrokerUnavailableError(f"no partitions of {self._topic} are known")
                found = await request([self._at(partition) for partition in sorted(partitions)])
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(f"no offsets: {type(error).__name__}") from error
        return tuple(offset for _, offset in sorted(found.items()))

    def _at(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)


@asynccontextmanager
async def open_topic_reader(config: KafkaConfig) -> AsyncIterator[KafkaTopicReader]:
    """Connect to Kafka, and close at the end, in bounded time. Raises BrokerUnavailableError."""
    limit_repeated_logs(*_NOISY)
    consumer = AIOKafkaConsumer(
        **client_arguments(config),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        metadata_max_age_ms=_METADATA_MS,
        request_timeout_ms=int(config.request_timeout_seconds * 1000),
    )
    try:
        try:
            async with asyncio.timeout(_START_SECONDS):
                await consumer.start()
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(f"no Kafka at {config.bootstrap_servers}") from error
        yield KafkaTopicReader(consumer, config.changes_topic, config.request_timeout_seconds)
    finally:
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await consumer.stop()
        except TimeoutError:
            log.warning("change consumer did not stop in time")
