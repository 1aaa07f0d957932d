"""A whole worker that gives its partitions up, because it stops or the group rebalances."""

import asyncio
import uuid
from collections.abc import Collection, Mapping

import pytest

from consumer.counting.position import Position
from consumer.counting.rows.writer_rows import RowIncrement
from consumer.kafka.dead_letters import DeadLetterTopic
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.partitioning import partition_of
from tests.contract.harness.gated_store import GatedStore
from tests.contract.harness.pipeline import PARTITIONS
from tests.contract.harness.stores import fake_store, new_domain, unique
from tests.contract.harness.topics import FakeTopics
from tests.contract.harness.workers import (
    GROUP,
    counted,
    events_of,
    open_worker,
    publish,
    settings_of,
    start_worker,
    truth,
    until_counted,
)
from tests.fakes.counter_store import InMemoryCounterStore, Outcome
from tests.fakes.group_topic import InMemoryGroupTopic, InMemoryRecordSource
from tests.fakes.published_changes import PublishedChanges
from tests.waiting import WAIT_SECONDS, until


class Bystander:
    """Another member of the group, which takes its share and does nothing."""

    def __init__(self) -> None:
        self.assigned = asyncio.Event()

    def start_generation(
        self,
        generation: int,  # noqa: ARG002 it works in none
        partitions: Collection[int],
    ) -> None:
        """Receive partitions."""
        assert partitions
        self.assigned.set()

    def assign(self, positions: Mapping[int, Position]) -> Mapping[int, int]:
        """Read them from their keys on."""
        return {p: at.keys_from for p, at in positions.items()}

    async def revoke(self) -> None:
        """Give the partitions up."""


class SlowCommits(InMemoryRecordSource):
    """A member whose commits wait until the gate is open."""

    def __init__(self, topic: InMemoryGroupTopic) -> None:
        super().__init__(topic, topic.group(GROUP))
        self.gate = asyncio.Event()
        self.asked = asyncio.Event()

    async def commit(self, positions: Mapping[int, Position]) -> bool:
        """See RecordSource."""
        self.asked.set()
        await self.gate.wait()
        return await super().commit(positions)


async def let_rebalance_start() -> None:
    """Let a rebalance reach the worker, whether or not the worker lets it through."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture
def topics() -> FakeTopics:
    """New topics in memory."""
    return FakeTopics(unique("contract"), PARTITIONS)


async def test_a_rebalance_during_a_stop_does_not_disturb_the_flush(
    topics: FakeTopics,
) -> None:
    """A stopping worker flushes and commits everything, though its partitions are revoked."""
    store = GatedStore()
    events = events_of([new_domain() for _ in range(10)])
    await publish(topics.topic, events)
    ends = [len(await topics.records(p)) for p in range(PARTITIONS)]

    async with open_worker(topics, store) as running, topics.open_source(GROUP) as other:
        async with asyncio.timeout(WAIT_SECONDS):
            await store.asked.wait()
        running.stop_requested.set()
        await asyncio.sleep(0)
        other.subscribe(bystander := Bystander())
        await let_rebalance_start()
        store.gate.set()
        await running.stop()
        async with asyncio.timeout(WAIT_SECONDS):
            await bystander.assigned.wait()

    assert await counted(fake_store(store).reader, truth(events)) == truth(events)
    assert [await topics.committed(GROUP, p) for p in range(PARTITIONS)] == ends


async def test_an_assignment_during_a_stop_does_not_keep_the_worker_running(
    topics: FakeTopics,
) -> None:
    """A stopping worker accepts no partitions: nothing would ever end that work."""
    store = InMemoryCounterStore()
    events = events_of([new_domain() for _ in range(10)])
    topic = InMemoryGroupTopic(topics.name, PARTITIONS)
    await publish(topic, events)
    source = SlowCommits(topic)
    running = start_worker(
        source,
        store,
        DeadLetterTopic(topics.dead_letters),
        PublishedChanges(),
        topics.name,
        settings_of(),
    )
    try:
        await until_counted(fake_store(store).reader, truth(events))
        running.stop_requested.set()
        async with asyncio.timeout(WAIT_SECONDS):
            await source.asked.wait()
        async with topic.open_source(GROUP) as other:
            other.subscribe(Bystander())
            await let_rebalance_start()
            source.gate.set()

            done, _ = await asyncio.wait({running.task}, timeout=2.0)

            assert done, "the worker should stop, and goes on with what it was assigned since"
    finally:
        running.task.cancel()
        await asyncio.wait({running.task})
        await source.leave()


async def test_a_commit_that_takes_long_ends_with_the_time_for_the_revocation(
    topics: FakeTopics,
) -> None:
    """It sends no heartbeat meanwhile: a drain and the commit after it must fit in a session."""
    store = GatedStore()
    topic = InMemoryGroupTopic(topics.name, PARTITIONS)
    await publish(topic, [Event(new_domain(), EventKind.DELIVERED)])
    source = SlowCommits(topic)
    settings, loop = settings_of(drain_seconds=0.3), asyncio.get_running_loop()
    letters = DeadLetterTopic(topics.dead_letters)
    running = start_worker(source, store, letters, PublishedChanges(), topics.name, settings)
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            await store.asked.wait()
        running.worker._committed = dict.fromkeys(range(PARTITIONS), Position.at(-1))
        began = loop.time()

        async with asyncio.timeout(WAIT_SECONDS):
            await running.worker.revoke()

        assert source.asked.is_set()
        assert 0.2 < loop.time() - began < 2.0
    finally:
        running.task.cancel()
        await asyncio.wait({running.task})
        await source.leave()


async def test_a_partition_that_stops_during_a_revocation_does_not_use_up_its_time(
    topics: FakeTopics,
) -> None:
    """The rows count more than the log has. The other partition is counted and committed."""
    store, domains = GatedStore(), dict[int, DomainName]()
    while len(domains) < PARTITIONS:
        domain = new_domain()
        domains[partition_of(domain, PARTITIONS)] = domain
    beyond = RowIncrement(domains[0].encode(), uuid.uuid1().bytes, 1, 0, 1_000)
    store.settle(f"{topics.name}/0", [beyond], Outcome.ACKNOWLEDGED)
    await publish(topics.topic, [Event(d, EventKind.BOUNCED) for d in domains.values()])
    settings, loop = settings_of(drain_seconds=60.0), asyncio.get_running_loop()

    async with open_worker(topics, store, settings=settings) as running:
        await until(lambda: running.records_read == PARTITIONS)
        async with asyncio.timeout(WAIT_SECONDS):
            await store.asked.wait()
        began = loop.time()
        revoking = asyncio.ensure_future(running.worker.revoke())
        await let_rebalance_start()
        store.gate.set()

        async with asyncio.timeout(WAIT_SECONDS):
            await revoking

        assert loop.time() - began < 10.0
        assert [await topics.committed(GROUP, p) for p in range(PARTITIONS)] == [None, 1]
        assert len(running.worker._kept) == 1
