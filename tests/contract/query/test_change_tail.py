"""Following the topic of changes, in memory and in Kafka alike."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import Protocol

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from deploy import prepare
from deploy.prepare import KafkaLayout
from query.changes.tail import OpenTopicReader, follow_topic, open_tail
from query.changes.topic_reader import open_topic_reader
from shared.config import KafkaConfig
from shared.errors import BrokerUnavailableError, LogRewrittenError
from shared.kafka.topic import open_topic
from shared.model.record import KeyValue
from tests.contract.harness.pipeline import PARTITIONS, both
from tests.fakes.change_topic import InMemoryChangeTopic
from tests.unit.query.changes.change_world import Listener, World, append, bounced
from tests.waiting import until, until_equal


class ChangeTopic(Protocol):
    """A topic of changes, and its reader."""

    @property
    def open_reader(self) -> OpenTopicReader:
        """The function that opens a reader."""

    async def append(self, partition: int, records: Sequence[KeyValue]) -> None:
        """Append records."""

    async def grow(self, partitions: int) -> None:
        """Add partitions."""


class RealChangeTopic:
    """A topic in Kafka."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self.open_reader: OpenTopicReader = partial(open_topic_reader, config)

    async def append(self, partition: int, records: Sequence[KeyValue]) -> None:
        """See ChangeTopic."""
        async with open_topic(self._config, self._config.changes_topic) as topic:
            await topic.append(partition, records)

    async def grow(self, partitions: int) -> None:
        """See ChangeTopic."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._config.bootstrap_servers)
        await admin.start()
        try:
            await admin.create_partitions({self._config.changes_topic: NewPartitions(partitions)})
        finally:
            await admin.close()


@pytest.fixture
def fake_changes() -> ChangeTopic:
    """A new topic in memory."""
    return InMemoryChangeTopic(PARTITIONS)


@pytest_asyncio.fixture
async def real_changes(kafka_config: KafkaConfig, kafka_layout: KafkaLayout) -> ChangeTopic:
    """A new topic on the real broker."""
    await prepare.create_topics(kafka_config, kafka_layout)
    return RealChangeTopic(kafka_config)


@both
def topic(request: pytest.FixtureRequest) -> ChangeTopic:
    """Either topic; requested by name, so that the fake starts no server."""
    chosen: ChangeTopic = request.getfixturevalue(f"{request.param}_changes")
    return chosen


@asynccontextmanager
async def open_world(open_reader: OpenTopicReader) -> AsyncIterator[World]:
    """Run a node that follows the topic."""
    world = World(InMemoryChangeTopic(0))
    async with open_tail(open_reader, world.change_filter, world.feed, world.metrics):
        yield world


async def until_ready(world: World) -> None:
    """Wait until the feed accepts clients."""
    await until(lambda: world.feed.ready)


async def until_received(listener: Listener, *domains: str) -> None:
    """Wait until *listener* has received this number of changes; they must be of *domains*."""
    await until(lambda: len(listener.changes) >= len(domains))
    assert [domain for domain, _ in listener.changes] == list(domains)


async def test_a_topic_is_read_from_any_offset_to_its_end(topic: ChangeTopic) -> None:
    """Each partition separately; its first and end offsets are known."""
    await topic.append(0, [(b"k", b"0"), (b"k", b"1"), (b"k", b"2")])
    await topic.append(1, [(b"k", b"3")])
    async with topic.open_reader() as reader:
        assert await reader.start_offsets() == (0, 0)
        assert await reader.end_offsets() == (3, 1)
        reader.assign({0: 1})
        found: list[tuple[int, int, bytes | None]] = []

        async def all_there() -> bool:
            batches = await reader.fetch()
            found.extend((p, r.offset, r.value) for p, rs in batches.items() for r in rs)
            return len(found) >= 2

        await until(all_there)
        assert found == [(0, 1, b"1"), (0, 2, b"2")]
        assert await reader.next_offset(0) == 3


async def test_an_offset_out_of_range_is_an_error(topic: ChangeTopic) -> None:
    """The reader does not guess another one."""
    async with topic.open_reader() as reader:
        await reader.end_offsets()
        reader.assign({0: 7})

        async def denied() -> bool:
            try:
                await reader.fetch()
            except LogRewrittenError:
                return True
            return False

        await until(denied)


async def test_a_starting_node_reads_the_last_changes_back(
    topic: ChangeTopic,
) -> None:
    """A client of another node resumes before them; a new client starts now."""
    await append(topic, 0, bounced("a.example"), bounced("b.example"))
    async with open_world(topic.open_reader) as world:
        await until_ready(world)
        new, back = world.listen(), await world.resume("1.0")
        await until_received(back, "b.example")
        await append(topic, 1, bounced("c.example"))
        await until_received(new, "c.example")
        await until_received(back, "b.example", "c.example")
        await until(lambda: not world.feed.late)
        await until_equal(lambda: world.metric("catchall_change_lag"), 0)
        assert world.metric("catchall_change_replays_total") == 0


async def test_a_new_partition_is_followed_from_its_beginning(
    topic: ChangeTopic,
) -> None:
    """Including records from before the node found it."""
    async with open_world(topic.open_reader) as world:
        await until_ready(world)
        listener = world.listen()
        await append(topic, 0, bounced("a.example"))
        await until_received(listener, "a.example")
        await topic.grow(PARTITIONS + 1)
        await append(topic, PARTITIONS, bounced("b.example"))
        await until_received(listener, "a.example", "b.example")
        await append(topic, 0, bounced("c.example"))
        await until_received(listener, "a.example", "b.example", "c.example")
        assert listener.last_id == "2.0.1"


async def test_a_node_waits_for_a_topic_that_is_away_and_loses_nothing() -> None:
    """At the start and later; clients are told that changes may be late."""
    topic = InMemoryChangeTopic(PARTITIONS)
    topic.away = True
    async with open_world(topic.open_reader) as world:
        await asyncio.sleep(0.1)
        assert (world.feed.ready, world.feed.late) == (False, True)
        topic.away = False
        await until_ready(world)
        listener = world.listen()
        await append(topic, 0, bounced("a.example"))
        await until_received(listener, "a.example")
        await until(lambda: not world.feed.late)
        topic.away = True
        await until(lambda: world.feed.late)
        await append(topic, 0, bounced("b.example"))
        topic.away = False
        await until_received(listener, "a.example", "b.example")
        await until(lambda: not world.feed.late)
        assert set(listener.kinds) == {"late"}


async def test_a_recreated_topic_is_followed_from_its_end_once_that_is_certain() -> None:
    """A broker that lost its leadership may deny offsets for a moment; then clients resync."""
    topic = InMemoryChangeTopic(1)
    seconds = count(step=2)
    world = World(topic)
    await append(topic, 0, *(bounced(f"{number}.a.example") for number in range(5)))
    following = asyncio.create_task(
        follow_topic(
            topic.open_reader,
            world.change_filter,
            world.feed,
            world.metrics,
            lambda: float(next(seconds)),
        )
    )
    await until_ready(world)
    listener = world.listen()
    topic.records[0].clear()
    topic.end_offsets[0] = 3
    await asyncio.sleep(0.1)
    assert "resync" not in listener.kinds
    await until(lambda: "resync" in listener.kinds)
    await append(topic, 0, bounced("b.example"))
    await until(lambda: world.feed.offsets == (4,))
    world.feed.flush()
    assert listener.changes == [("b.example", "not catch-all")]
    following.cancel()


async def test_an_unreachable_kafka_is_an_error_in_bounded_time() -> None:
    """Nothing is left open."""
    config = KafkaConfig(bootstrap_servers="127.0.0.1:1")
    with pytest.raises(BrokerUnavailableError):
        async with open_topic_reader(config):
            pass
