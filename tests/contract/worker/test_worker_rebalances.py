"""A whole worker whose partitions are revoked while it is busy."""

import asyncio
from collections.abc import Mapping

import pytest

from consumer.counting.position import Position
from consumer.kafka.record_source import Record
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
from tests.fakes.counter_store import InMemoryCounterStore
from tests.fakes.group_topic import InMemoryGroupTopic, InMemoryRecordSource
from tests.fakes.published_changes import PublishedChanges
from tests.waiting import WAIT_SECONDS, until

NO_RECORD = b"no record"


class Bystander:
    """Another member of the group, which takes its share and does nothing."""

    def __init__(self) -> None:
        self.assigned = asyncio.Event()

    async def assign(self, positions: Mapping[int, Position]) -> None:
        """Receive partitions."""
        assert positions
        self.assigned.set()

    async def revoke(self) -> None:
        """Give the partitions up."""


class GatedDeadLetters:
    """Dead letters that are stored once the gate is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.asked = asyncio.Event()

    async def publish(self, topic_partition: str, record: Record, reason: str) -> None:
        """See DeadLetters."""
        assert record.value == NO_RECORD, (topic_partition, reason)
        self.asked.set()
        await self.gate.wait()


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
        running.told_to_stop.set()
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
        source, store, GatedDeadLetters(), PublishedChanges(), topics.name, settings_of()
    )
    try:
        await until_counted(fake_store(store).reader, truth(events))
        running.told_to_stop.set()
        async with asyncio.timeout(WAIT_SECONDS):
            await source.asked.wait()
        async with topic.open_source(GROUP) as other:
            other.subscribe(Bystander())
            await let_rebalance_start()
            source.gate.set()

            done, _ = await asyncio.wait({running.task}, timeout=2.0)

            assert done, "told to stop, the worker goes on with what it was assigned since"
    finally:
        running.task.cancel()
        await asyncio.wait({running.task})
        await source.leave()


async def test_records_of_an_earlier_assignment_are_dropped(
    topics: FakeTopics,
) -> None:
    """Records fetched before a rebalance may start beyond the new position.

    A dead letter blocks the loop with later records in flight; meanwhile the partition is revoked
    without a flush, and assigned again from its first offset.
    """
    store, letters = GatedStore(), GatedDeadLetters()
    domain = new_domain()
    while partition_of(domain, PARTITIONS) != 1:
        domain = new_domain()
    early = [Event(domain, EventKind.DELIVERED) for _ in range(5)]
    late = [Event(domain, EventKind.BOUNCED) for _ in range(5)]
    await publish(topics.topic, early)

    settings = settings_of(drain_seconds=0.05)
    async with open_worker(topics, store, letters=letters, settings=settings) as running:
        async with asyncio.timeout(WAIT_SECONDS):
            await store.asked.wait()
        running.source.pause([0, 1])
        await topics.topic.append(0, [(b"\xff", NO_RECORD)])
        await publish(topics.topic, late)
        running.source.resume([0, 1])  # so that one fetch finds both
        async with asyncio.timeout(WAIT_SECONDS):
            await letters.asked.wait()
        async with topics.open_source(GROUP) as other:
            other.subscribe(bystander := Bystander())
            async with asyncio.timeout(WAIT_SECONDS):
                await bystander.assigned.wait()

        async def has_all_again() -> bool:
            return running.partitions == PARTITIONS

        await until(has_all_again)
        store.gate.set()
        letters.gate.set()

        await until_counted(fake_store(store).reader, truth(early + late))
