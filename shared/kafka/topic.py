"""Open a topic to append batches of records to its partitions."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.config import KafkaConfig
from shared.errors import BrokerUnavailableError, PipelineError
from shared.kafka.producer import end_producer, start_producer
from shared.kafka.producer_topic import ProducerTopic
from shared.kafka.producer_watchdog import run_watchdog
from shared.kafka.rights import Right, require_access
from shared.kafka.topic_health import TopicHealth
from shared.model.record import KeyValue
from shared.telemetry.log_limit import limit_repeated_logs

log = structlog.stdlib.get_logger(__name__)

_NOISY = ("aiokafka", "aiokafka.cluster", "aiokafka.conn", "aiokafka.producer.sender")
_STOP_SECONDS = 3.0
_TOPIC_SECONDS = 15.0
_START_SECONDS = 60.0


class Topic(Protocol):
    """A topic with partitions to which batches of records are appended."""

    partitions: int

    async def append(
        self,
        partition: int,
        records: Sequence[KeyValue],
        traceparents: Mapping[int, str] | None = None,
    ) -> None:
        """Append *records* in order as one batch; return when every in-sync replica has it.

        *traceparents* holds the ``traceparent`` of each traced record, by its place in *records*.
        Raises BrokerUnavailableError if none of them was or will be stored, and
        OutcomeUnknownError if they may have been. One append per partition at a time.
        """


@asynccontextmanager
async def open_topic(config: KafkaConfig, name: str) -> AsyncIterator[ProducerTopic]:
    """Connect a producer to topic *name*, which must exist, and close it at the end.

    A watchdog replaces the producer when it cannot recover. Closing has a time limit, which the
    producer's own ``stop`` has not. Raises AccessDeniedError if we have no right to write.
    """
    limit_repeated_logs(*_NOISY)
    topic, health = await _open(config, name)
    watchdog = asyncio.create_task(run_watchdog(topic, health, config, name), name="watchdog")
    topic.supervise(watchdog)
    try:
        yield topic
    finally:
        watchdog.cancel()
        await asyncio.wait({watchdog})
        await end_producer(topic.producer, _STOP_SECONDS)
        await health.close()


async def _open(config: KafkaConfig, name: str) -> tuple[ProducerTopic, TopicHealth]:
    # Not in open_topic, whose frame would keep the first producer in memory.
    producer = await _start(config, name)
    try:
        partitions = await _count_partitions(producer, name, config)
    except BaseException:
        await end_producer(producer, _STOP_SECONDS)
        raise
    health = TopicHealth(config, name, partitions)
    return ProducerTopic(producer, name, health, config.request_timeout_seconds), health


async def _start(config: KafkaConfig, name: str) -> AIOKafkaProducer:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        await require_access(config, {name: Right.WRITE})
        try:
            return await start_producer(config, name, _START_SECONDS)
        except BrokerUnavailableError:
            if time.monotonic() > deadline:
                raise
            log.info("waiting for Kafka", bootstrap_servers=config.bootstrap_servers)
            await asyncio.sleep(1.0)


async def _count_partitions(producer: AIOKafkaProducer, name: str, config: KafkaConfig) -> int:
    """Return how many partitions the topic has. A broker that has just started reports none."""
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
