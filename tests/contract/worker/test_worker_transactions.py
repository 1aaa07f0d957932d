"""A whole worker on a topic into which another producer writes transactions (KIP-98)."""

from aiokafka import AIOKafkaProducer

from shared.config import KafkaConfig
from shared.kafka.client import client_arguments
from shared.model.event import Event, EventKind
from shared.model.partitioning import partition_of
from shared.model.record import encode_event
from tests.contract.harness.pipeline import PARTITIONS
from tests.contract.harness.stores import Store, new_domain
from tests.contract.harness.topics import Topics
from tests.contract.harness.workers import GROUP, counted, open_worker, truth, until_counted
from tests.waiting import until_equal

MARKERS = 2


async def test_transactions_count_if_they_commit_and_leave_no_lag(
    real_topics: Topics, real_store: Store, kafka_config: KafkaConfig
) -> None:
    """An aborted one counts nothing; lag, commit and position pass the markers of both."""
    topics, store, domain = real_topics, real_store, new_domain()
    event = Event(domain, EventKind.DELIVERED, 5)
    partition = partition_of(domain, PARTITIONS)
    key, value = encode_event(event)
    producer = AIOKafkaProducer(**client_arguments(kafka_config), transactional_id=topics.name)
    await producer.start()
    for commit in (True, False):
        await producer.begin_transaction()
        await producer.send_and_wait(topics.name, value, key, partition)
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    await producer.stop()
    lag = {"group": GROUP, "topic": topics.name, "partition": str(partition)}

    async with open_worker(topics, store.store) as running:
        await until_counted(store.reader, truth([event]))
        await until_equal(
            lambda: running.registry.get_sample_value("kafka_consumergroup_lag", lag), 0
        )

    assert await topics.committed(GROUP, partition) == 2 + MARKERS
    assert await counted(store.reader, [domain]) == truth([event])
