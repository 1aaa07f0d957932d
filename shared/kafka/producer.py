"""Start, inspect and end an idempotent producer.

No other module depends on the internals of aiokafka's producer;
``tests/contract/kafka/test_producer_watch.py`` fails when a version of aiokafka changes them.
"""

import asyncio
from collections.abc import Callable

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from shared.config import KafkaConfig
from shared.errors import BrokerUnavailableError
from shared.kafka.client import client_arguments

log = structlog.stdlib.get_logger(__name__)

MAX_BATCH_BYTES = 2 * 1024 * 1024
"""Per append, uncompressed; the topic's ``max.message.bytes`` is larger."""

RETIRE_AT = range(2**30, 2**31 - 2**28)
"""At which sequence number of a partition a producer is replaced; each draws its own, so that nodes
do not replace theirs at the same time.

After 2^31 - 1 Kafka expects 0, and aiokafka 0.14 sends a negative number, which Kafka refuses.
"""

_LEADER_SECONDS = 0.1


async def start_producer(
    config: KafkaConfig, topic: str, within_seconds: float
) -> AIOKafkaProducer:
    """Return a connected producer with the metadata of *topic*. Raises BrokerUnavailableError."""
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


def task_failure(producer: AIOKafkaProducer) -> str | None:
    """Return why a background task of the producer has ended, None while all run."""
    for name, task in _tasks(producer).items():
        if task.done():
            error = None if task.cancelled() else task.exception()
            return f"the producer's {name} task has ended: {error!r}"
    return None


def on_task_end(producer: AIOKafkaProducer, call: Callable[[], None]) -> None:
    """Call *call* when a background task of the producer ends, or soon if one has ended already."""
    for task in _tasks(producer).values():
        task.add_done_callback(lambda _: call())


def _tasks(producer: AIOKafkaProducer) -> dict[str, asyncio.Task[None]]:
    # aiokafka 0.14 shows neither in public.
    return {
        "sender": producer._sender.sender_task,  # noqa: SLF001
        "metadata": producer.client._sync_task,  # noqa: SLF001
    }


def sequence_number(producer: AIOKafkaProducer, at: TopicPartition) -> int:
    """Return how many records this producer has sent to a partition: the number of the next one."""
    number: int = producer._txn_manager.sequence_number(at)  # noqa: SLF001 there is no public way
    return number


def has_leader(producer: AIOKafkaProducer, at: TopicPartition) -> bool:
    """Whether the producer knows the partition's leader, without which it must not get a batch.

    aiokafka would fail such a batch unsent but use up its sequence number, and Kafka would then
    refuse every later one. With a known leader ``send_batch`` does not wait for metadata either.
    """
    return producer.client.cluster.leader_for_partition(at) not in {None, -1}


async def wait_for_leader(producer: AIOKafkaProducer, at: TopicPartition) -> None:
    """Return once the producer knows a leader. Has no time limit: the caller sets one."""
    while not has_leader(producer, at):
        await producer.client.force_metadata_update()
        if not has_leader(producer, at):
            await asyncio.sleep(_LEADER_SECONDS)


async def end_producer(producer: AIOKafkaProducer, within_seconds: float) -> None:
    """Send what can be sent in time, fail the other batches, and end every task and connection.

    ``stop`` alone waits without limit while brokers are away. Cancelling it leaves a sender that
    goes on sending, and batches whose waiters never return.
    """
    # From here on batches time out, as those of a producer without idempotence do.
    producer._sender._txn_manager = None  # noqa: SLF001
    try:
        async with asyncio.timeout(within_seconds):
            await producer.stop()
    except TimeoutError:
        log.warning("the producer did not stop in time")
    except Exception as error:  # noqa: BLE001 any error that ended its sender; it ends anyway
        log.warning("the producer failed while it stopped", error=repr(error))
    else:
        return
    _fail_batches(producer)
    sender = producer._sender.sender_task  # noqa: SLF001
    if sender is not None:
        # Twice: after the first it waits for its requests, after the second it cancels them.
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
            # Nothing waits for it, and asyncio reports exceptions that were never retrieved.
            batch._drain_waiter.exception()  # noqa: SLF001
