"""Workers that are replaced one after the other: what has to be read again."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from deploy import prepare
from deploy.prepare import KafkaLayout
from shared.config import KafkaConfig
from shared.kafka.topic import open_topic
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.partitioning import DEFAULT_BUCKETS, bucket_of, partition_of
from tests.contract.harness.pipeline import Pipeline, both
from tests.contract.harness.stores import new_domain, unique
from tests.contract.harness.topics import FakeTopics, RealTopics, Topics
from tests.contract.harness.workers import Running, open_worker, publish, truth, until_counted
from tests.waiting import until_equal

PARTITIONS = 8
WORKERS = 4
BUCKETS = 3
"""In each partition; each holds one domain."""


@pytest.fixture(name="fake_topics")
def fake_topics_() -> Topics:
    """New topics in memory."""
    return FakeTopics(unique("contract"), PARTITIONS)


@pytest_asyncio.fixture(name="real_topics")
async def real_topics_(
    kafka_config: KafkaConfig, kafka_layout: KafkaLayout
) -> AsyncIterator[Topics]:
    """New topics on the real broker."""
    await prepare.create_topics(
        kafka_config, kafka_layout.model_copy(update={"partitions": PARTITIONS})
    )
    async with AsyncExitStack() as stack:
        events, letters, changes = [
            await stack.enter_async_context(open_topic(kafka_config, name))
            for name in (
                kafka_config.topic,
                kafka_config.dead_letter_topic,
                kafka_config.changes_topic,
            )
        ]
        yield RealTopics(kafka_config, events, letters, changes)


@both
def wide(request: pytest.FixtureRequest) -> Pipeline:
    """Both fakes, or both real, with more partitions."""
    return Pipeline(
        request.getfixturevalue(f"{request.param}_topics"),
        request.getfixturevalue(f"{request.param}_store"),
    )


def domains_everywhere() -> list[DomainName]:
    """Return domains in BUCKETS buckets of each partition."""
    found: dict[tuple[int, int], DomainName] = {}
    missing = dict.fromkeys(range(PARTITIONS), BUCKETS)
    while any(missing.values()):
        domain = new_domain()
        partition = partition_of(domain, PARTITIONS)
        place = partition, bucket_of(domain, DEFAULT_BUCKETS)
        if missing[partition] and place not in found:
            found[place] = domain
            missing[partition] -= 1
    return list(found.values())


async def test_a_rolling_restart_reads_again_only_what_changes_hands(wide: Pipeline) -> None:
    """The two partitions of each worker twice: at others while it is away, and at its successor.

    Without memory and with shares made anew, each of the eight rebalances would read all.
    """
    domains = domains_everywhere()
    events: list[Event] = []
    workers: list[tuple[AsyncExitStack, Running]] = []
    started: list[Running] = []

    async def start() -> None:
        stack = AsyncExitStack()
        running = await stack.enter_async_context(open_worker(wide.topics, wide.store.store))
        workers.append((stack, running))
        started.append(running)

    async def count_once_more(shares: list[int]) -> None:
        """Wait until the group is settled, and let one event of each domain be counted."""
        await until_equal(lambda: sorted(int(r.partitions or 0) for _, r in workers), shares)
        await publish(
            wide.topics.topic, more := [Event(domain, EventKind.DELIVERED) for domain in domains]
        )
        events.extend(more)
        await until_counted(wide.store.reader, truth(events))

    try:
        for _ in range(WORKERS):
            await start()
        await count_once_more([2, 2, 2, 2])
        for _ in range(WORKERS):
            stack, _ = workers.pop(0)
            await stack.aclose()
            await count_once_more([2, 3, 3])
            await start()
            await count_once_more([2, 2, 2, 2])
    finally:
        for stack, _ in workers:
            await stack.aclose()

    changed_hands = WORKERS * 2 * (PARTITIONS // WORKERS)
    assert sum(r.buckets_read or 0 for r in started) == BUCKETS * (PARTITIONS + changed_hands)
