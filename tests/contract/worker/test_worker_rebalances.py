"""A whole worker whose partitions are revoked while it is busy."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest

from consumer.counting import kept_memory
from consumer.kafka.dead_letters import DeadLetterTopic
from consumer.kafka.record_source import Record
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.partitioning import DEFAULT_BUCKETS, bucket_of, partition_of
from tests.contract.harness.pipeline import PARTITIONS, Pipeline
from tests.contract.harness.stores import fake_store, new_domain, unique
from tests.contract.harness.topics import FakeTopics
from tests.contract.harness.workers import (
    GROUP,
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


@pytest.fixture
def topics() -> FakeTopics:
    """New topics in memory."""
    return FakeTopics(unique("contract"), PARTITIONS)


class RevokedMeanwhile(InMemoryRecordSource):
    """A member whose partitions are revoked while it works on a fetch that found several."""

    def __init__(self, topic: InMemoryGroupTopic) -> None:
        super().__init__(topic, topic.group(GROUP))
        self.revoke: Callable[[], Awaitable[None]] | None = None
        self.revoked = asyncio.Event()

    async def fetch(self) -> Mapping[int, Sequence[Record]]:
        """See RecordSource."""
        batches = await super().fetch()
        if self.revoke is not None and len(batches) > 1:
            revoking = asyncio.ensure_future(self.revoke())
            revoking.add_done_callback(lambda _: self.revoked.set())
            self.revoke = None
        return batches


async def test_records_of_an_earlier_assignment_are_dropped(topics: FakeTopics) -> None:
    """Of a fetch, what comes after a revocation is left to the next owner, which counts it all."""
    store = InMemoryCounterStore()
    events = events_of([new_domain() for _ in range(10)])
    topic = InMemoryGroupTopic(topics.name, PARTITIONS)
    source = RevokedMeanwhile(topic)
    letters = DeadLetterTopic(topics.dead_letters)
    running = start_worker(source, store, letters, PublishedChanges(), topics.name, settings_of())
    try:

        async def has_all() -> bool:
            return running.partitions == PARTITIONS

        await until(has_all)
        source.revoke = running.worker.revoke
        source.pause([0, 1])
        await publish(topic, events)
        source.resume([0, 1])  # so that one fetch finds both
        async with asyncio.timeout(WAIT_SECONDS):
            await source.revoked.wait()
        assert running.records_read in {len(topic.records(p)) for p in range(PARTITIONS)}
    finally:
        running.task.cancel()
        await asyncio.wait({running.task})
        await source.leave()

    heir = InMemoryRecordSource(topic, topic.group(GROUP))
    running = start_worker(heir, store, letters, PublishedChanges(), topics.name, settings_of())
    await until_counted(fake_store(store).reader, truth(events))
    await running.stop()


async def test_a_partition_that_comes_back_continues_with_its_memory(pipeline: Pipeline) -> None:
    """Another worker joins and leaves: only what changes hands is read again.

    The keys of the partition that stays are known without reading its records again.
    """
    topics, store = pipeline.topics, pipeline.store
    domains: dict[int, list[DomainName]] = {0: [], 1: []}
    while min(map(len, domains.values())) < 12:
        domain = new_domain()
        domains[partition_of(domain, PARTITIONS)].append(domain)
    buckets = {p: len({bucket_of(d, DEFAULT_BUCKETS) for d in ds}) for p, ds in domains.items()}
    events = {
        p: [Event(domain, EventKind.DELIVERED, 2, "key") for domain in ds]
        for p, ds in domains.items()
    }
    plain = [Event(domain, EventKind.BOUNCED) for ds in domains.values() for domain in ds]
    expected = [*events[0], *events[1]]
    await publish(topics.topic, expected)

    async with open_worker(topics, store.store) as first:
        await until_counted(store.reader, truth(expected))
        assert first.buckets_read == buckets[0] + buckets[1]
        read = len(expected)
        async with open_worker(topics, store.store) as second:

            async def is_shared() -> bool:
                return first.partitions == second.partitions == 1

            await until(is_shared)
            await publish(topics.topic, [*events[0], *events[1], *plain])
            await until_counted(store.reader, truth([*expected, *plain]))

            assert first.buckets_read == buckets[0] + buckets[1]
            assert first.records_read == read + 2 * len(events[0])
            assert second.buckets_read == buckets[1]

        async def has_all_again() -> bool:
            return first.partitions == PARTITIONS

        await until(has_all_again)
        await publish(topics.topic, plain)
        await until_counted(store.reader, truth([*expected, *plain, *plain]))

        assert first.buckets_read == buckets[0] + 2 * buckets[1]
        assert first.records_replayed == 0


async def test_memory_is_forgotten_if_no_assignment_follows(
    topics: FakeTopics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group may be gone for hours."""
    monkeypatch.setattr(kept_memory, "KEPT_SECONDS", 0.1)
    async with open_worker(topics, InMemoryCounterStore()) as running:
        await until(lambda: running.partitions == PARTITIONS)

        await running.worker.revoke()

        assert len(running.worker._kept) == PARTITIONS
        await until(lambda: not running.worker._kept)
