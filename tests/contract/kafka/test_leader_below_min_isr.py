"""Members of the group while a leader has fewer replicas in sync than it needs (KIP-966).

With eligible leader replicas, which new clusters have, the end of the acknowledged records moves
only while enough replicas are in sync. So a leader that was elected below that, of a partition that
was being written to, does not know this end: it answers requests for records, and none for offsets.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, LeaderNotAvailableError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest

from deploy.processes.node import Node
from shared.config import KafkaConfig
from shared.kafka.topic import open_topic
from tests.contract.harness.members import ReadingGroup, numbered
from tests.contract.harness.topics import SESSION_SECONDS
from tests.tiers.brokers import create_placed_topic, open_brokers, start
from tests.waiting import WAIT_SECONDS, until, until_equal

NAME = "eligible"
PLACES = {0: [1, 2], 1: [3, 2], 2: [3, 2], 3: [3, 2]}
"""The brokers of each partition."""
HEALTHY = [1, 2, 3]
_WRITERS = 8
"""At almost any moment a record is stored and not acknowledged yet."""
_MOST_TRIES = 5


async def test_a_leader_without_enough_replicas_in_sync_stops_only_its_partition(
    tmp_path: Path,
) -> None:
    """The others are read, nobody is expelled, and it follows once the replicas are in sync."""
    async with open_brokers(tmp_path) as brokers, AsyncExitStack() as stack:
        servers = ",".join(broker.address for broker in brokers)
        config = KafkaConfig(bootstrap_servers=servers, topic=NAME)
        await create_placed_topic(servers, NAME, PLACES, min_insync_replicas=2)
        await elect_below_min_isr(servers, brokers)
        assert await error_of(servers, list_offsets) == LeaderNotAvailableError.errno
        assert await error_of(servers, fetch) == 0

        group = ReadingGroup(config, stack)
        await group.join()
        await until_equal(group.owned, HEALTHY)
        await group.join()
        await until(lambda: len(group.generations()) == 1 and -1 not in group.generations())
        await until_equal(group.owned, HEALTHY)
        topic = await stack.enter_async_context(open_topic(config, NAME))
        for partition in HEALTHY:
            await topic.append(partition, numbered(1))
        await until_equal(lambda: group.read, set(HEALTHY))
        generations = group.generations()
        await asyncio.sleep(2 * SESSION_SECONDS)
        assert group.generations() == generations
        assert group.owned() == HEALTHY

        await start([brokers[0]])
        await until_equal(group.owned, sorted(PLACES))
        assert group.generations() == generations
        await until(lambda: 0 in group.read)


async def elect_below_min_isr(servers: str, brokers: list[Node]) -> None:
    """Let broker 2 lead partition 0, alone in sync, without knowing where acknowledged records end.

    That is so if a record was not acknowledged yet when broker 1 died.
    """
    for _ in range(_MOST_TRIES):
        await until_equal(lambda: partition(servers, "isr"), PLACES[0])
        async with writing(servers):
            await brokers[0].kill()
        await until_equal(lambda: partition(servers, "leader"), 2)
        assert await partition(servers, "isr") == [2]
        if await error_of(servers, list_offsets):
            return
        await start([brokers[0]])
    pytest.fail("broker 2 always knows where the acknowledged records end")


@asynccontextmanager
async def writing(servers: str) -> AsyncIterator[None]:
    """Write to partition 0 during the body, after some acknowledged records."""

    async def write(started: asyncio.Event) -> None:
        async with AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer:
            while True:
                await producer.send_and_wait(NAME, b"v", partition=0)
                started.set()

    events = [asyncio.Event() for _ in range(_WRITERS)]
    tasks = [asyncio.ensure_future(write(started)) for started in events]
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            await asyncio.gather(*(started.wait() for started in events))
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def partition(servers: str, what: str) -> Any:
    """Return the leader or the replicas in sync of partition 0, as the brokers report them.

    None while they know no such partition, or none of them answers.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    try:
        await admin.start()
        (topic,) = await admin.describe_topics([NAME])
    except (KafkaError, OSError):
        return None
    finally:
        await admin.close()
    found = {at["partition"]: at[what] for at in topic["partitions"]}.get(0)
    return sorted(found) if isinstance(found, list) else found


async def error_of(servers: str, ask: Callable[[AIOKafkaClient], Awaitable[Any]]) -> int:
    """Return the error in the leader's answer about partition 0."""
    client = AIOKafkaClient(bootstrap_servers=servers)
    try:
        await client.bootstrap()
        return int(await ask(client))
    finally:
        await client.close()


async def list_offsets(client: AIOKafkaClient) -> Any:
    """Request the end of partition 0."""
    answer = await client.send(2, OffsetRequest(-1, 1, [(NAME, [(0, -1)])]))
    return answer.topics[0][1][0][1]


async def fetch(client: AIOKafkaClient) -> Any:
    """Request the first records of partition 0."""
    answer = await client.send(2, FetchRequest(100, 0, 1_000, 1, [(NAME, [(0, 0, 1_000)])]))
    return answer.topics[0][1][0][1]
