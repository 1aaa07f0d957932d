"""The id of a topic, on a real Kafka."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient

from consumer.counted_topics import remember_topic_id
from deploy import prepare
from deploy.prepare import KafkaLayout
from shared.cassandra.session import Session
from shared.config import KafkaConfig
from shared.errors import BrokerUnavailableError
from shared.kafka.client import client_arguments
from shared.kafka.topic_ids import read_topic_id
from tests.waiting import until


@pytest_asyncio.fixture(name="client")
async def client_(kafka_config: KafkaConfig) -> AsyncIterator[AIOKafkaClient]:
    """A client without topics."""
    client = AIOKafkaClient(**client_arguments(kafka_config))
    await client.bootstrap()
    yield client
    await client.close()


async def test_a_topic_that_is_created_again_has_another_id_than_the_one_that_is_counted(
    client: AIOKafkaClient, kafka_config: KafkaConfig, kafka_layout: KafkaLayout, session: Session
) -> None:
    """The store keeps the first."""
    topic = kafka_config.topic
    with pytest.raises(BrokerUnavailableError, match=topic):
        await read_topic_id(client, topic)
    await prepare.create_topics(kafka_config, kafka_layout)
    first = await read_topic_id(client, topic)
    assert first is not None
    assert await remember_topic_id(session, topic, None) is None
    assert await remember_topic_id(session, topic, first) == first
    admin = AIOKafkaAdminClient(**client_arguments(kafka_config))
    await admin.start()
    await admin.delete_topics([topic])
    await admin.close()

    async def created() -> bool:
        await prepare.create_topics(kafka_config, kafka_layout)
        try:
            return await read_topic_id(client, topic) != first
        except BrokerUnavailableError:
            return False

    await until(created)

    second = await read_topic_id(client, topic)
    assert second not in {None, first}
    assert await remember_topic_id(session, topic, second) == first
