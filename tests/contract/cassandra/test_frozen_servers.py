"""The errors of the adapters while a server is frozen, and their recovery.

Tests run one after the other, so nothing else uses the servers meanwhile.
"""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from consumer.counter_store import CassandraCounterStore
from deploy import prepare
from deploy.prepare import KafkaLayout
from deploy.servers.backends import Servers
from shared.cassandra.layout import read_buckets
from shared.cassandra.session import Session, open_session
from shared.config import CassandraConfig, KafkaConfig
from shared.errors import (
    BrokerUnavailableError,
    OutcomeUnknownError,
    RetriableError,
    StoreUnavailableError,
)
from shared.kafka.topic import open_topic
from shared.model.partitioning import DEFAULT_BUCKETS, bucket_of
from tests.contract.harness.stores import new_domain, new_writer, read, update_of, write
from tests.contract.harness.topics import read_all
from tests.servers.freezing import frozen
from tests.servers.own_servers import open_own_servers
from tests.waiting import WAIT_SECONDS, until

TIMEOUT_SECONDS = 1.0
MARGIN_SECONDS = 1.0
TOPIC_PARTITION = "frozen/0"


@pytest_asyncio.fixture(scope="module")
async def frail(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Servers]:
    """The servers of this run; if the environment names servers, new ones to be frozen."""
    if servers.nodes:
        yield servers
        return
    async with open_own_servers(tmp_path_factory.mktemp("frail")) as started:
        yield started


async def test_an_append_to_a_frozen_broker_is_in_doubt_and_stored_later(
    frail: Servers,
) -> None:
    """In doubt at the deadline; appends after it are refused at once until it is stored."""
    config = KafkaConfig(
        bootstrap_servers=frail.bootstrap_servers,
        topic="frozen",
        dead_letter_topic="frozen-dead-letters",
        changes_topic="frozen-changes",
        request_timeout_seconds=TIMEOUT_SECONDS,
    )
    layout = KafkaLayout(partitions=1, replication_factor=1, min_insync_replicas=1)
    await prepare.create_topics(config, layout)
    async with open_topic(config, "frozen") as topic:
        await topic.append(0, [(b"k", b"before")])
        with frozen(frail.kafka[0]):
            begun = time.monotonic()
            with pytest.raises(OutcomeUnknownError):
                await topic.append(0, [(b"k", b"late")])
            assert time.monotonic() - begun < TIMEOUT_SECONDS + MARGIN_SECONDS

            begun = time.monotonic()
            with pytest.raises(BrokerUnavailableError):
                await topic.append(0, [(b"k", b"refused")])
            assert time.monotonic() - begun < TIMEOUT_SECONDS / 10
            with pytest.raises(BrokerUnavailableError):
                await topic.probe()

        async def works_again() -> bool:
            try:
                await topic.append(0, [(b"k", b"after")])
            except BrokerUnavailableError:
                return False
            return True

        await until(works_again)
        await topic.probe()

    values = [value for _, value in await read_all(config, "frozen", 0)]
    assert values == [b"before", b"late", b"after"]


@pytest.mark.parametrize("step_seconds", [-3600.0, 3600.0])
async def test_a_step_of_the_clock_moves_no_deadline_of_the_store(
    frail: Servers, monkeypatch: pytest.MonkeyPatch, step_seconds: float
) -> None:
    """A read of a frozen node ends at its deadline, not at once and not an hour late."""
    config = CassandraConfig(
        contact_points=frail.contact_points, read_timeout_seconds=2 * TIMEOUT_SECONDS
    )
    async with open_session(config) as session:
        await session.probe()
        with frozen(frail.cassandra[0]):
            begun = time.monotonic()
            read = asyncio.create_task(session.probe())
            await asyncio.sleep(TIMEOUT_SECONDS / 2)
            wall_clock = time.time
            monkeypatch.setattr(time, "time", lambda: wall_clock() + step_seconds)
            late = asyncio.create_task(session.probe())
            with pytest.raises(StoreUnavailableError):
                async with asyncio.timeout(2 * TIMEOUT_SECONDS + MARGIN_SECONDS):
                    await read
            assert time.monotonic() - begun > TIMEOUT_SECONDS
            with pytest.raises(StoreUnavailableError):
                async with asyncio.timeout(TIMEOUT_SECONDS + MARGIN_SECONDS):
                    await late
        await until_served(session)


async def until_served(session: Session) -> None:
    """Wait until *session* answers reads again."""

    async def is_served() -> bool:
        try:
            await session.probe()
        except RetriableError:
            return False
        return True

    await until(is_served)


async def test_a_frozen_store_leaves_writes_in_doubt_and_recovers(
    frail: Servers,
) -> None:
    """Reads and writes end within their deadlines; the same session works again afterwards."""
    config = CassandraConfig(
        contact_points=frail.contact_points,
        keyspace="frozen",
        write_timeout_seconds=TIMEOUT_SECONDS,
        read_timeout_seconds=TIMEOUT_SECONDS,
    )
    await prepare.create_schema(config, {"datacenter1": 1})
    async with open_session(config) as session:
        store = await CassandraCounterStore.prepare(session)
        alone = update_of(new_domain(), delivered=1, applied_offset=1)
        bucket = bucket_of(alone.domain, DEFAULT_BUCKETS)
        batch = [alone._replace(writer=new_writer()) for _ in range(5)]
        await store.write(TOPIC_PARTITION, bucket, [alone])
        with frozen(frail.cassandra[0]):
            begun = time.monotonic()
            outcomes = await asyncio.gather(
                store.write(TOPIC_PARTITION, bucket, [alone]),
                store.write(TOPIC_PARTITION, bucket, batch),
                store.read(TOPIC_PARTITION, bucket),
                return_exceptions=True,
            )
            assert time.monotonic() - begun < TIMEOUT_SECONDS + MARGIN_SECONDS
            # What a process needs before it can start is asked for again until it is answered.
            starting = asyncio.create_task(read_buckets(session, DEFAULT_BUCKETS))
            table = "CREATE TABLE IF NOT EXISTS frozen.late (id int PRIMARY KEY)"
            creating = asyncio.create_task(session.change_schema(table))
            await asyncio.sleep(TIMEOUT_SECONDS + MARGIN_SECONDS)
            assert not starting.done()
            assert not creating.done()
        async with asyncio.timeout(WAIT_SECONDS):
            assert await starting == DEFAULT_BUCKETS
            await creating
        kinds = [type(outcome) for outcome in outcomes]
        assert kinds == [OutcomeUnknownError, OutcomeUnknownError, StoreUnavailableError]

        after = update_of(new_domain(), delivered=7, applied_offset=7)
        await until_served(session)
        await write(store, TOPIC_PARTITION, after)
        (row,) = await read(store, TOPIC_PARTITION, after.domain)
        assert row.delivered == 7
