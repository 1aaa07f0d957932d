"""Members of the group while some partitions have no leader."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from deploy.processes.node import Node
from shared.config import KafkaConfig
from shared.kafka.topic import open_topic
from tests.contract.harness.members import ReadingGroup, numbered
from tests.contract.harness.topics import SESSION_SECONDS
from tests.tiers.brokers import create_placed_topic, open_brokers, start
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


async def test_partitions_without_a_leader_stop_only_themselves(brokers: list[Node]) -> None:
    """A rebalance happens meanwhile: the others are read, nobody is expelled, and they follow."""
    config = KafkaConfig(bootstrap_servers=",".join(b.address for b in brokers), topic=NAME)
    await create_placed_topic(config.bootstrap_servers, NAME, PLACES)
    async with AsyncExitStack() as stack:
        topic = await stack.enter_async_context(open_topic(config, NAME))
        group = ReadingGroup(config, stack)
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
