"""The same tests against the fakes and against the real servers."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from deploy import prepare
from deploy.prepare import CassandraLayout, KafkaLayout
from shared.cassandra.session import Session, open_session
from shared.config import CassandraConfig, KafkaConfig
from shared.kafka.topic import open_topic
from tests.contract.harness.pipeline import PARTITIONS, Pipeline, both
from tests.contract.harness.stores import Store, fake_store, real_store, unique
from tests.contract.harness.topics import FakeTopics, RealTopics, Topics
from tests.fakes.counter_store import InMemoryCounterStore

KEYSPACE = "contract"


@pytest.fixture(scope="session")
def cassandra_config(server_environment: Mapping[str, str]) -> CassandraConfig:
    """Return where the real store is."""
    return CassandraConfig(
        contact_points=server_environment["CASSANDRA_CONTACT_POINTS"], keyspace=KEYSPACE
    )


@pytest.fixture
def kafka_config(server_environment: Mapping[str, str]) -> KafkaConfig:
    """Return the names of topics that do not exist yet."""
    name = unique("contract")
    return KafkaConfig(
        bootstrap_servers=server_environment["KAFKA_BOOTSTRAP_SERVERS"],
        topic=name,
        dead_letter_topic=f"{name}-dead-letters",
        changes_topic=f"{name}-changes",
    )


@pytest.fixture(scope="session")
def kafka_layout(server_environment: Mapping[str, str]) -> KafkaLayout:
    """Return how topics are made on the real broker."""
    return KafkaLayout(
        partitions=PARTITIONS,
        replication_factor=int(server_environment["KAFKA_REPLICATION_FACTOR"]),
        min_insync_replicas=int(server_environment["KAFKA_MIN_INSYNC_REPLICAS"]),
    )


@pytest.fixture(scope="session")
def cassandra_layout(server_environment: Mapping[str, str]) -> CassandraLayout:
    """Return how keyspaces are made on the real node."""
    return CassandraLayout(replication=server_environment["CASSANDRA_REPLICATION"])


@pytest_asyncio.fixture(scope="package")
async def session(
    cassandra_config: CassandraConfig, cassandra_layout: CassandraLayout
) -> AsyncIterator[Session]:
    """One session with the real store, its schema created."""
    replication = prepare.parse_replication(cassandra_layout.replication)
    await prepare.create_schema(cassandra_config, replication)
    async with open_session(cassandra_config) as opened:
        yield opened


@pytest.fixture
def fake_topics() -> Topics:
    """New topics in memory."""
    return FakeTopics(unique("contract"), PARTITIONS)


@pytest_asyncio.fixture
async def real_topics(
    kafka_config: KafkaConfig, kafka_layout: KafkaLayout
) -> AsyncIterator[Topics]:
    """A new topic on the real broker."""
    await prepare.create_topics(kafka_config, kafka_layout)
    async with AsyncExitStack() as stack:
        topic = await stack.enter_async_context(open_topic(kafka_config, kafka_config.topic))
        letters = await stack.enter_async_context(
            open_topic(kafka_config, kafka_config.dead_letter_topic)
        )
        changes = await stack.enter_async_context(
            open_topic(kafka_config, kafka_config.changes_topic)
        )
        yield RealTopics(kafka_config, topic, letters, changes)


@pytest.fixture(name="fake_store")
def fake_store_() -> Store:
    """A new store in memory."""
    return fake_store(InMemoryCounterStore(replica_sets=3))


@pytest_asyncio.fixture(name="real_store")
async def real_store_(session: Session) -> Store:
    """The store on the real node."""
    return await real_store(session)


@both
def topics(request: pytest.FixtureRequest) -> Topics:
    """Fake or real topics; requested by name, so that a fake starts no server."""
    chosen: Topics = request.getfixturevalue(f"{request.param}_topics")
    return chosen


@both
def store(request: pytest.FixtureRequest) -> Store:
    """Either store."""
    chosen: Store = request.getfixturevalue(f"{request.param}_store")
    return chosen


@both
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    """Both fakes, or both real."""
    return Pipeline(
        request.getfixturevalue(f"{request.param}_topics"),
        request.getfixturevalue(f"{request.param}_store"),
    )
