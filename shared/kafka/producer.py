"""Start, judge and end an idempotent producer: all that we know of aiokafka's inside.

``tests/contract/kafka/test_producer_watch.py`` fails when a version of aiokafka changes it.
"""

import asyncio
from collections.abc import Callable

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)

from shared.config import KafkaConfig
from shared.errors import BrokerUnavailableError
from shared.kafka.client import client_arguments

log = structlog.stdlib.get_logger(__name__)

MAX_BATCH_BYTES = 2 * 1024 * 1024
"""Of one append, uncompressed; the topic's ``max.message.bytes`` is above it."""

PLACE_LOST = (
    OutOfOrderSequenceNumber,
    UnknownProducerId,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    ProducerFenced,
)
"""After one of these every later batch of that partition fails too: aiokafka counts on."""

_LEADER_SECONDS = 0.1


async def start_producer(
    config: KafkaConfig, topic: str, within_seconds: float
) -> AIOKafkaProducer:
    """Return a connected producer that follows *topic*. Raises BrokerUnavailableError."""
    producer = AIOKafkaProducer(
        **client_arguments(config),
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_batch_size=MAX_BATCH_BYTES,
        compression_type="lz4",
        request_timeout_ms=int(config.request_timeout_seconds * 1000),
        metadata_max_age_ms=30_000,
    )
    try:
        async with asyncio.timeout(within_seconds):
            await producer.start()
            await producer.client.add_topic(topic)
    except BaseException as error:
        await end_producer(producer, within_seconds=1.0)
        if isinstance(error, KafkaError | TimeoutError):
            raise BrokerUnavailableError(
                f"no Kafka at {config.bootstrap_servers}: {type(error).__name__}"
            ) from error
        raise
    return producer


def sender_death(producer: AIOKafkaProducer) -> str | None:
    """Return why the producer will never send again, None if it will."""
    sender = producer._sender.sender_task  # noqa: SLF001 no public way
    if not sender.done():
        return None
    error = None if sender.cancelled() else sender.exception()
    return f"the producer's sender has ended: {error!r}"


def on_sender_end(producer: AIOKafkaProducer, call: Callable[[], None]) -> None:
    """Call *call* once the producer will never send again, be it from now on."""
    producer._sender.sender_task.add_done_callback(lambda _: call())  # noqa: SLF001


def has_leader(producer: AIOKafkaProducer, at: TopicPartition) -> bool:
    """Whether the producer knows a leader. If not, a batch would take a sequence number and fail.

    aiokafka fails such a batch unsent, but keeps its sequence number, so that Kafka then refuses
    every later one. With a leader known, ``send_batch`` waits for no metadata either.
    """
    return producer.client.cluster.leader_for_partition(at) not in {None, -1}


async def wait_for_leader(producer: AIOKafkaProducer, at: TopicPartition) -> None:
    """Return once the producer knows a leader. Never gives up: bound it."""
    while not has_leader(producer, at):
        await producer.client.force_metadata_update()
        if not has_leader(producer, at):
            await asyncio.sleep(_LEADER_SECONDS)


async def end_producer(producer: AIOKafkaProducer, within_seconds: float) -> None:
    """Send what can be sent in time, give up what cannot, and leave nothing behind.

    ``stop`` alone waits for ever while brokers are away, and cutting it short leaves a sender
    that sends on and batches that nobody frees.
    """
    # As in a producer without idempotence: a batch that fails beyond its time is given up.
    producer._sender._txn_manager = None  # noqa: SLF001
    try:
        async with asyncio.timeout(within_seconds):
            await producer.stop()
    except TimeoutError:
        log.warning("the producer did not stop in time")
    except Exception as error:  # noqa: BLE001 whatever killed its sender; it is to end anyway
        log.warning("the producer failed while it stopped", error=repr(error))
    else:
        return
    _fail_batches(producer)
    sender = producer._sender.sender_task  # noqa: SLF001
    if sender is not None:
        # Twice: at the first it waits for its requests, at the second it cancels them.
        for _ in range(2):
            sender.cancel()
            await asyncio.wait({sender}, timeout=0.1)
    try:
        async with asyncio.timeout(1.0):
            await producer.client.close()
    except (KafkaError, TimeoutError, OSError) as error:
        log.warning("the producer's connections did not close", error=repr(error))


def _fail_batches(producer: AIOKafkaProducer) -> None:
    accumulator = producer._message_accumulator  # noqa: SLF001
    accumulator.fail_all(KafkaError("the producer has ended"))
    for batches in accumulator._batches.values():  # noqa: SLF001
        for batch in batches:
            # Nobody waits for it to be sent, and asyncio reports errors that nobody looked at.
            batch._drain_waiter.exception()  # noqa: SLF001
