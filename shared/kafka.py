"""Talk to Kafka: whole batches into a partition, and what their failures mean."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.config import KafkaConfig
from shared.errors import BrokerUnavailableError, OutcomeUnknownError, PipelineError

log = structlog.stdlib.get_logger(__name__)

KeyValue = tuple[bytes, bytes]

MAX_BATCH_BYTES = 2 * 1024 * 1024
"""Of one append, uncompressed; the topic's ``max.message.bytes`` is above it."""
RECORD_OVERHEAD_BYTES = 32
"""What a record adds at most to its key and value (KIP-98: 21 bytes and some varints)."""

_STOP_SECONDS = 3.0
_TOPIC_SECONDS = 15.0
_START_SECONDS = 60.0


class Topic(Protocol):
    """A partitioned log that takes batches of records."""

    partitions: int

    async def append(self, partition: int, records: Sequence[KeyValue]) -> None:
        """Append *records* in order as one batch; return when every in-sync replica has it.

        Raises BrokerUnavailableError if none of them was or will be stored, and
        OutcomeUnknownError if that can't be known. One append per partition at a time.
        """


class ProducerTopic:
    """The topic behind an idempotent producer.

    The producer never gives a batch up: while a broker is away it keeps trying for good. So
    each append has a deadline of its own, and until the late batch has ended one way or the
    other, its partition refuses others at once, which is then certain.
    """

    def __init__(
        self, producer: AIOKafkaProducer, name: str, partitions: int, timeout_seconds: float
    ) -> None:
        self._producer = producer
        self._name = name
        self.partitions = partitions
        self._timeout_seconds = timeout_seconds
        self._late: dict[int, asyncio.Future[object]] = {}
        self.last_error: str | None = None

    async def probe(self) -> None:
        """Return if Kafka answers and no batch is overdue, else raise BrokerUnavailableError."""
        if self._late:
            raise BrokerUnavailableError(f"batches are overdue; last error: {self.last_error}")
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._producer.client.fetch_all_metadata()
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(f"no answer: {type(error).__name__}") from error

    async def append(self, partition: int, records: Sequence[KeyValue]) -> None:
        """See Topic."""
        if partition in self._late:
            raise BrokerUnavailableError("Kafka has not yet answered for an earlier batch.")
        batch = self._producer.create_batch()
        for key, value in records:
            if batch.append(key=key, value=value, timestamp=None) is None:
                raise ValueError("the batch is larger than MAX_BATCH_BYTES")
        batch.close()
        sending = asyncio.ensure_future(self._send(batch, partition))
        done, _ = await asyncio.wait({sending}, timeout=self._timeout_seconds)
        if not done:
            self._late[partition] = sending
            sending.add_done_callback(lambda future: self._ended(partition, future))
            self.last_error = f"no answer for partition {partition} in time"
            raise OutcomeUnknownError("Kafka did not answer in time; it may have the event.")
        try:
            sending.result()
        except KafkaError as error:
            self.last_error = f"{type(error).__name__}: {error}"
            if getattr(error, "retriable", False):
                # Tried again until its time was up: some try may have been stored.
                raise OutcomeUnknownError(f"Kafka failed: {type(error).__name__}.") from error
            raise BrokerUnavailableError(f"Kafka refused: {type(error).__name__}.") from error

    async def _send(self, batch: object, partition: int) -> object:
        future = await self._producer.send_batch(batch, self._name, partition=partition)
        return await future

    def _ended(self, partition: int, future: asyncio.Future[object]) -> None:
        del self._late[partition]
        if not future.cancelled() and (error := future.exception()) is not None:
            self.last_error = f"{type(error).__name__}: {error}"
            log.warning("a late batch failed", partition=partition, error=self.last_error)

    def abandon(self) -> None:
        """Stop waiting for late batches, at the end of the process."""
        for future in list(self._late.values()):
            future.cancel()


@asynccontextmanager
async def open_topic(config: KafkaConfig, name: str) -> AsyncIterator[ProducerTopic]:
    """Connect a producer to topic *name*, which must exist, and close it in the end.

    The close is bounded: the producer's own waits for ever while the brokers are away.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=config.bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_batch_size=MAX_BATCH_BYTES,
        compression_type="lz4",
        request_timeout_ms=int(config.request_timeout_seconds * 1000),
        metadata_max_age_ms=30_000,
    )
    await _start(producer, config)
    try:
        partitions = await _count_partitions(producer, name, config)
        topic = ProducerTopic(producer, name, partitions, config.request_timeout_seconds)
        yield topic
        topic.abandon()
    finally:
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await producer.stop()
        except TimeoutError:
            log.warning("the producer did not stop in time")


async def _start(producer: AIOKafkaProducer, config: KafkaConfig) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            async with asyncio.timeout(_START_SECONDS):
                await producer.start()
        except (KafkaError, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise BrokerUnavailableError(
                    f"no Kafka at {config.bootstrap_servers}: {type(error).__name__}"
                ) from error
            log.info("waiting for Kafka", bootstrap_servers=config.bootstrap_servers)
            await asyncio.sleep(1.0)
        else:
            return


async def _count_partitions(producer: AIOKafkaProducer, name: str, config: KafkaConfig) -> int:
    """Return how many partitions the topic has. A broker that comes back knows none at first."""
    deadline = time.monotonic() + _TOPIC_SECONDS
    while True:
        try:
            async with asyncio.timeout(config.request_timeout_seconds):
                return len(await producer.partitions_for(name))
        except (KafkaError, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise PipelineError(
                    f"the topic {name!r} is missing; run: python -m deploy.prepare"
                ) from error
            await asyncio.sleep(1.0)
