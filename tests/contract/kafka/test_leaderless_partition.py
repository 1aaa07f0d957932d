"""Members of the group while some partitions have no leader."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from consumer.config import WorkerSettings
from consumer.kafka.group_member import open_source
from deploy.processes.node import Node
from shared.config import KafkaConfig
from shared.kafka.topic import open_topic
from tests.contract.harness.members import GROUP, Member, numbered
from tests.contract.harness.topics import SESSION_SECONDS
from tests.tiers.brokers import open_brokers, start
from tests.waiting import until, until_equal

PLACES = {0: [1], 1: [2], 2: [3], 3: [1], 4: [2], 5: [3]}
"""The broker of each partition."""
DEAD = {2, 5}
HEALTHY = PLACES.keys() - DEAD
NAME = "one-replica"


@pytest_asyncio.fixture(scope="module")
async def brokers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Node]]:
    """Three brokers for this module."""
    async with open_brokers(tmp_path_factory.mktemp("brokers")) as started:
        yield started


async def create_topic(config: KafkaConfig) -> None:
    """Create a topic whose partitions have one replica each."""
    new = NewTopic(NAME, -1, -1, PLACES, {"min.insync.replicas": "1"})
    admin = AIOKafkaAdminClient(bootstrap_servers=config.bootstrap_servers)
    try:
        await admin.start()
        answer = await admin.create_topics([new])
        assert answer.topic_errors[0][1] == 0, answer
    finally:
        await admin.close()


class Group:
    """Members that read all the time."""

    def __init__(self, config: KafkaConfig, stack: AsyncExitStack) -> None:
        self._config = config
        self._stack = stack
        self.members: list[Member] = []
        self.read: set[int] = set()

    async def join(self) -> None:
        """Open one more member."""
        settings = WorkerSettings(group=GROUP, session_timeout_seconds=SESSION_SECONDS)
        source = await self._stack.enter_async_context(open_source(self._config, settings))
        member = Member(source, str(len(self.members)), [])
        source.subscribe(member)
        self.members.append(member)
        fetching = asyncio.ensure_future(self._fetch(member))
        self._stack.callback(fetching.cancel)

    async def _fetch(self, member: Member) -> None:
        while True:
            fetched = await member.source.fetch()
            self.read.update(fetched)

    def owned(self) -> Sequence[int]:
        """Return the partitions that members have started, more than once if several own it."""
        return sorted(partition for member in self.members for partition in member.owned)

    def generations(self) -> set[int]:
        """Return the generations in which the members are."""
        return {member.generation for member in self.members}


async def test_partitions_without_a_leader_stop_only_themselves(brokers: list[Node]) -> None:
    """A rebalance happens meanwhile: the others are read, nobody is expelled, and they follow."""
    config = KafkaConfig(bootstrap_servers=",".join(b.address for b in brokers), topic=NAME)
    await create_topic(config)
    async with AsyncExitStack() as stack:
        topic = await stack.enter_async_context(open_topic(config, NAME))
        group = Group(config, stack)
        await group.join()
        await until_equal(group.owned, sorted(PLACES))
        await brokers[2].kill()

        await group.join()

        await until(lambda: len(group.members[1].assigned) == len(PLACES) // 2)
        await until_equal(group.owned, sorted(HEALTHY))
        for partition in HEALTHY:
            await topic.append(partition, numbered(1))
        await until_equal(lambda: group.read, HEALTHY)
        (generation,) = group.generations()
        await asyncio.sleep(2 * SESSION_SECONDS)
        assert group.generations() == {generation}
        assert group.owned() == sorted(HEALTHY)

        await start([brokers[2]])
        await until_equal(group.owned, sorted(PLACES))
        assert group.generations() == {generation}
