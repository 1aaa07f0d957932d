"""What a worker asks Kafka about its topic."""

from collections.abc import AsyncIterator
from time import monotonic

import pytest_asyncio
from structlog.testing import capture_logs

from consumer.kafka.partition_offsets import PartitionOffsets
from tests.unit.consumer.stub_consumer import AT, GROUP, StubConsumer


@pytest_asyncio.fixture(name="consumer")
async def consumer_() -> AsyncIterator[StubConsumer]:
    """A consumer of one partition."""
    consumer = StubConsumer()
    yield consumer
    for task in consumer.tasks.values():
        task.cancel()


async def test_a_kafka_without_topic_ids_is_reported_once(consumer: StubConsumer) -> None:
    """Older than the ids, or a future one without our version of the request: work goes on."""
    offsets = PartitionOffsets(consumer, AT.topic, GROUP, monotonic)
    consumer.topic_id = None

    with capture_logs() as lines:
        for _ in range(3):
            assert await offsets.wait_for_topic_id() is None
        found = await offsets.find_starts([AT.partition])

    assert set(found.positions) == {AT.partition}
    assert [line["topic"] for line in lines if "topic id" in line["event"]] == [AT.topic]
