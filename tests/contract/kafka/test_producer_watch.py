"""Broken producers of several kinds, against a real broker.

The tests break them through internals of aiokafka that ``shared/kafka/producer.py`` uses too: both
fail when a new version changes these.
"""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.errors import NodeNotReadyError
from structlog.testing import capture_logs

from deploy import prepare
from deploy.prepare import KafkaLayout
from shared.config import KafkaConfig
from shared.errors import BrokerUnavailableError, OutcomeUnknownError, RetriableError
from shared.kafka.producer import end_producer, start_producer, task_failure
from shared.kafka.producer_topic import ProducerTopic
from shared.kafka.topic import open_topic
from shared.kafka.topic_health import TopicHealth
from tests.contract.harness.pipeline import PARTITIONS
from tests.contract.harness.stores import unique
from tests.contract.harness.topics import read_all
from tests.waiting import WAIT_SECONDS, until

TIMEOUT_SECONDS = 2.0
BACK_SECONDS = 10.0
LEFT = 20_000
"""How many sequence numbers an old producer has left."""


@pytest_asyncio.fixture(name="config")
async def impatient(kafka_config: KafkaConfig, kafka_layout: KafkaLayout) -> KafkaConfig:
    """A new topic, with a short request timeout."""
    await prepare.create_topics(kafka_config, kafka_layout)
    return kafka_config.model_copy(update={"request_timeout_seconds": TIMEOUT_SECONDS})


@pytest_asyncio.fixture
async def topic(config: KafkaConfig) -> AsyncIterator[ProducerTopic]:
    """The topic, with one record in each partition."""
    async with open_topic(config, config.topic) as opened:
        for partition in range(PARTITIONS):
            await opened.append(partition, [(b"k", b"before")])
        yield opened


async def takes(topic: ProducerTopic, value: bytes) -> bool:
    """Return whether partition 0 accepts a record."""
    try:
        await topic.append(0, [(b"k", value)])
    except RetriableError:
        return False
    return True


async def values_of(config: KafkaConfig, partition: int = 0) -> list[bytes | None]:
    """Return the values of all records of a partition."""
    return [value for _, value in await read_all(config, config.topic, partition)]


def sequences_of(topic: ProducerTopic) -> dict[TopicPartition, int]:
    """Return the producer's next sequence numbers."""
    found: dict[TopicPartition, int] = topic.producer._txn_manager._sequence_numbers
    return found


@pytest.mark.parametrize(
    ("number", "refusal"),
    [
        pytest.param(1000, "OutOfOrderSequenceNumber", id="a gap"),
        pytest.param(-(2**31), "UnknownError", id="a code that aiokafka does not know"),
    ],
)
async def test_a_producer_that_lost_its_place_is_replaced(
    config: KafkaConfig, topic: ProducerTopic, number: int, refusal: str
) -> None:
    """Kafka refuses wrong sequence numbers, and accepts the next producer."""
    sequences_of(topic)[TopicPartition(config.topic, 0)] = number

    with capture_logs() as logs:
        with pytest.raises(OutcomeUnknownError, match=refusal):
            await topic.append(0, [(b"k", b"refused")])
        with pytest.raises(BrokerUnavailableError):
            await topic.append(0, [(b"k", b"refused at once")])
        await until(lambda: takes(topic, b"after"), BACK_SECONDS)

    assert await values_of(config) == [b"before", b"after"]
    assert topic.producers_replaced == 1
    (line,) = (line for line in logs if line["event"] == "the producer was replaced")
    assert refusal in line["cause"]
    await topic.probe()


async def test_a_producer_is_replaced_before_its_sequence_numbers_end(
    config: KafkaConfig, kafka_layout: KafkaLayout
) -> None:
    """Two partitions keep appending beyond 2^31 records; nothing is refused, lost or doubled."""
    config = config.model_copy(update={"topic": unique("old")})
    await prepare.create_topics(config, kafka_layout)
    async with open_topic(config, config.topic) as topic:
        for partition in range(2):
            sequences_of(topic)[TopicPartition(config.topic, partition)] = 2**31 - LEFT

        sent = [b"%d" % number for number in range(2 * LEFT)]

        async def append(partition: int) -> None:
            for first in range(0, len(sent), 50):
                batch = [(b"k", value) for value in sent[first : first + 50]]
                await topic.append(partition, batch)

        await asyncio.gather(append(0), append(1))
        assert topic.producers_replaced == 1
        await topic.probe()
    for partition in range(2):
        assert await values_of(config, partition) == sent


async def test_a_producer_whose_sender_has_died_is_replaced(
    config: KafkaConfig, topic: ProducerTopic
) -> None:
    """A sequence number beyond 32 bits ends the sender task; a new producer takes over."""
    sequences_of(topic)[TopicPartition(config.topic, 0)] = 2**40
    former = topic.producer

    with pytest.raises(RetriableError):
        await topic.append(0, [(b"k", b"lost")])
    assert "has ended" in (task_failure(former) or "")
    await until(lambda: takes(topic, b"after"), BACK_SECONDS)
    await topic.append(1, [(b"k", b"beside")])

    assert await values_of(config) == [b"before", b"after"]
    assert await values_of(config, 1) == [b"before", b"beside"]
    assert topic.producers_replaced == 1
    await topic.probe()


async def test_a_producer_whose_metadata_task_has_died_is_replaced(
    config: KafkaConfig, topic: ProducerTopic
) -> None:
    """It would send to a former leader for ever. Nothing is refused meanwhile."""
    former = topic.producer
    with capture_logs() as logs:
        former.client._sync_task.cancel()
        await until(lambda: topic.producer is not former, BACK_SECONDS)
    await topic.append(0, [(b"k", b"after")])

    assert await values_of(config) == [b"before", b"after"]
    assert any("metadata task" in line.get("cause", "") for line in logs)


async def test_a_stuck_producer_is_replaced_and_leaves_nothing_behind(
    config: KafkaConfig, topic: ProducerTopic, caplog: pytest.LogCaptureFixture
) -> None:
    """While Kafka is healthy, an overdue batch is given up in doubt, and never sent again."""
    former = weakref.ref(topic.producer)
    topic.producer._sender._muted_partitions.add(TopicPartition(config.topic, 0))

    with pytest.raises(OutcomeUnknownError, match="in time"):
        await topic.append(0, [(b"k", b"stuck")])
    with pytest.raises(BrokerUnavailableError, match="earlier batch"):
        await topic.append(0, [(b"k", b"refused")])
    with pytest.raises(BrokerUnavailableError, match="earlier batch"):
        await topic.probe()
    await topic.append(1, [(b"k", b"beside")])
    await until(lambda: takes(topic, b"after"), BACK_SECONDS)

    assert await values_of(config) == [b"before", b"after"]
    assert topic.producers_replaced == 1
    await topic.probe()

    async def is_gone() -> bool:
        gc.collect()
        return former() is None

    await until(is_gone, WAIT_SECONDS)
    # No pending task, no unhandled error.
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


async def test_a_missing_topic_is_not_healthy(config: KafkaConfig) -> None:
    """A topic with fewer partitions than the node knows is not healthy either."""
    whole = TopicHealth(config, config.topic, PARTITIONS)
    await whole.check()
    await whole.close()
    for name, partitions, words in (
        ("no-such-topic", 1, "does not exist"),
        (config.topic, PARTITIONS + 1, f"partition {PARTITIONS} does not exist"),
    ):
        asked = TopicHealth(config, name, partitions)
        try:
            with pytest.raises(BrokerUnavailableError, match=words):
                await asked.check()
        finally:
            await asked.close()


async def test_a_producer_that_is_closed_drops_what_it_cannot_send(
    config: KafkaConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for ever, as aiokafka's stop does, and leaves no task behind."""
    before = asyncio.all_tasks()
    producer = await start_producer(config, config.topic, WAIT_SECONDS)

    async def unreachable(*_: object, **__: object) -> Any:
        raise NodeNotReadyError("this node is away")

    monkeypatch.setattr(producer.client, "send", unreachable)
    batch = producer.create_batch()
    batch.append(key=b"k", value=b"v", timestamp=None)
    sent = await producer.send_batch(batch, config.topic, partition=0)
    with capture_logs() as logs:
        async with asyncio.timeout(4 * TIMEOUT_SECONDS):
            await end_producer(producer, within_seconds=WAIT_SECONDS)

    assert isinstance(sent.exception(), NodeNotReadyError)
    assert logs == []
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before
