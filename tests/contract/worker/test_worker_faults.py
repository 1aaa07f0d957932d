"""A whole worker on a failing store: for every outcome of a write the counts are exact."""

import asyncio
import uuid
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

import pytest

from consumer.counting.rows.writer_rows import RowIncrement
from consumer.kafka.dead_letters import DeadLetterTopic
from shared.kafka.topic import Topic
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.partitioning import bucket_of, partition_of
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
    truth,
    until_counted,
)
from tests.fakes.counter_store import InMemoryCounterStore, Outcome
from tests.fakes.group_topic import InMemoryRecordSource
from tests.fakes.topic import InMemoryTopic
from tests.waiting import WAIT_SECONDS, until

FAULTS = [outcome for outcome in Outcome if outcome is not Outcome.ACKNOWLEDGED]


@pytest.fixture
def topics() -> FakeTopics:
    """New topics in memory."""
    return FakeTopics(unique("contract"), PARTITIONS)


@pytest.mark.parametrize("fault", FAULTS)
async def test_counts_are_exact_for_every_outcome_of_a_write(
    topics: FakeTopics, fault: Outcome
) -> None:
    """The worker starts new rows with the full totals, and readers ignore the old ones."""
    store = InMemoryCounterStore()
    reader = fake_store(store).reader
    domains = [new_domain() for _ in range(5)]
    events = events_of(domains)
    store.plan(Outcome.ACKNOWLEDGED, fault, fault, Outcome.ACKNOWLEDGED, fault)

    async with open_worker(topics, store):
        for start in range(0, len(events), 10):
            await publish(topics.topic, events[start : start + 10])
            await until_counted(reader, truth(events[: start + 10]))
            store.apply_late()

    store.apply_late()
    assert await counted(reader, domains) == truth(events)


@pytest.mark.parametrize("fault", FAULTS)
async def test_counts_are_exact_when_a_write_fails_and_the_worker_dies(
    topics: FakeTopics, fault: Outcome
) -> None:
    """The next worker starts from the rows that it finds; late updates of older rows lose."""
    store = InMemoryCounterStore()
    reader = fake_store(store).reader
    domains = [new_domain() for _ in range(5)]
    events = events_of(domains)
    await publish(topics.topic, events[:25])
    async with open_worker(topics, store) as first:
        await until_counted(reader, truth(events[:25]))
        store.plan(*[fault] * 50)
        writes = len(store.writes)
        await publish(topics.topic, events[25:])

        async def has_failed() -> bool:
            return len(store.writes) > writes

        await until(has_failed)
        await first.kill()
    store._planned.clear()

    async with open_worker(topics, store):
        await until_counted(reader, truth(events))
        store.apply_late()

    assert await counted(reader, domains) == truth(events)


async def test_failed_reads_are_repeated(topics: FakeTopics) -> None:
    """A domain is not written until its rows are read."""
    store = InMemoryCounterStore()
    events = events_of([new_domain() for _ in range(5)])
    store.fail_reads(PARTITIONS)
    await publish(topics.topic, events)

    async with open_worker(topics, store):
        await until_counted(fake_store(store).reader, truth(events))


async def test_a_worker_whose_session_expired_changes_no_count(topics: FakeTopics) -> None:
    """It reads and writes on, without noticing, next to the new owner of its partitions."""
    store = InMemoryCounterStore()
    reader = fake_store(store).reader
    domains = [new_domain() for _ in range(10)]
    events = events_of(domains)
    async with open_worker(topics, store) as zombie:
        await publish(topics.topic, events[:30])
        await until_counted(reader, truth(events[:30]))
        assert isinstance(zombie.source, InMemoryRecordSource)
        zombie.source.expel()
        async with open_worker(topics, store) as heir:
            await publish(topics.topic, events[30:])

            async def both_have_read() -> bool:
                read = [w.records_read for w in (zombie, heir)]
                return read == [len(events), len(events)]

            await until(both_have_read)
            await until_counted(reader, truth(events))
        await zombie.stop()

    assert await counted(reader, domains) == truth(events)


async def test_a_slow_store_delays_a_stop_and_nothing_is_lost(topics: FakeTopics) -> None:
    """The stop waits for the writes in flight."""
    store = GatedStore()
    events = events_of([new_domain() for _ in range(10)])
    await publish(topics.topic, events)

    async with open_worker(topics, store) as running:
        async with asyncio.timeout(WAIT_SECONDS):
            await store.asked.wait()
        running.stop_requested.set()
        await asyncio.sleep(0)
        store.gate.set()
        await running.stop()

    assert await counted(fake_store(store).reader, truth(events)) == truth(events)


async def test_a_partition_that_stops_is_in_no_report_of_paused_or_old_counts(
    topics: FakeTopics,
) -> None:
    """Its events are never counted: their age would be reported, and slow writes down, for ever."""
    store, domain = GatedStore(), new_domain()
    at = partition_of(domain, PARTITIONS)
    beyond = RowIncrement(domain.encode(), uuid.uuid1().bytes, 1, 0, 1_000)
    store.settle(f"{topics.name}/{at}", [beyond], Outcome.ACKNOWLEDGED)
    settings = settings_of().model_copy(update={"max_backlog": 1})

    async with open_worker(topics, store, settings=settings) as running:

        def oldest() -> float | None:
            return running.registry.get_sample_value("catchall_oldest_event_seconds")

        def paused() -> float | None:
            return running.registry.get_sample_value("catchall_paused_partitions")

        await publish(topics.topic, [Event(domain, EventKind.DELIVERED)] * 2)
        await until(oldest)
        await until(paused)
        store.gate.set()
        await until(lambda: running.stopped(topics.name, at, "log_rewritten"))
        await until(lambda: oldest() == 0 == paused())


class _SlowWrites(InMemoryCounterStore):
    """A store that writes nothing of the domains *slow* before its gate is open."""

    def __init__(self, slow: Collection[DomainName]) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self._slow = {bucket_of(domain.encode(), self.buckets) for domain in slow}

    async def write(self, topic_partition: str, bucket: int, rows: Sequence[RowIncrement]) -> None:
        """See CounterStore."""
        if bucket in self._slow:
            await self.gate.wait()
        await super().write(topic_partition, bucket, rows)


def _domains_of_a_partition() -> Iterator[DomainName]:
    while True:
        if partition_of(domain := new_domain(), PARTITIONS) == 0:
            yield domain


async def test_old_counts_do_not_delay_a_change_of_status(topics: FakeTopics) -> None:
    """A partition is read on with any age, also after a backlog: else the change waits in Kafka."""
    *slow, quick = islice(_domains_of_a_partition(), 7)
    store = _SlowWrites(slow)
    limits = {"max_count_age_seconds": 0.1, "max_backlog": 1, "max_known_domains": 4}
    settings = settings_of().model_copy(update=limits)

    async with open_worker(topics, store, settings=settings) as running:

        def is_old() -> bool:
            oldest = running.registry.get_sample_value("catchall_oldest_event_seconds")
            return (oldest or 0.0) > settings.max_count_age_seconds

        await publish(topics.topic, [Event(domain, EventKind.DELIVERED) for domain in slow])
        await until(is_old)
        await publish(topics.topic, [bounce := Event(quick, EventKind.BOUNCED)])
        await until_counted(fake_store(store).reader, truth([bounce]))
        store.gate.set()


async def test_a_partition_that_cannot_forget_its_domains_is_paused(topics: FakeTopics) -> None:
    """Domains that owe counts stay in memory; while the store is slow they must not pile up."""
    domains = list(islice(_domains_of_a_partition(), 10))
    store, events = _SlowWrites(domains), [Event(d, EventKind.DELIVERED) for d in domains]
    settings = settings_of().model_copy(update={"max_known_domains": 2})

    async with open_worker(topics, store, settings=settings) as running:

        def paused() -> float | None:
            return running.registry.get_sample_value("catchall_paused_partitions")

        await publish(topics.topic, events[:5])
        await until(paused)
        await publish(topics.topic, events[5:])
        store.gate.set()
        await until_counted(fake_store(store).reader, truth(events))
        await until(lambda: paused() == 0)


async def test_a_partition_whose_dead_letters_cannot_be_stored_stops_alone(
    topics: FakeTopics,
) -> None:
    """It is paused, and not committed beyond them; a later owner puts them aside, in batches."""
    store, refusing = InMemoryCounterStore(), InMemoryTopic()
    refusing.hold()
    reader = fake_store(store).reader
    beside = new_domain()
    blocked = 1 - partition_of(beside, PARTITIONS)
    good = await fill(topics.topic, blocked)
    garbage = (b"\xff", bytes(4_000))
    for _ in range(10):
        await topics.topic.append(blocked, [garbage] * 500)
    events = [*good, Event(beside, EventKind.DELIVERED)]
    await publish(topics.topic, events[len(good) :])
    settings = settings_of(drain_seconds=0.1)

    async with open_worker(
        topics, store, letters=DeadLetterTopic(refusing), settings=settings
    ) as running:
        await until_counted(reader, truth(events))

        async def is_paused() -> bool:
            return running.registry.get_sample_value("catchall_paused_partitions") == 1

        await until(is_paused)
        assert (running.records_read or 0) < 5_000
        await publish(topics.topic, more := [Event(beside, EventKind.BOUNCED)])
        await until_counted(reader, truth([*events, *more]))
        await running.stop()
    assert await topics.committed(GROUP, blocked) == len(good)

    healthy = InMemoryTopic()
    async with open_worker(topics, store, letters=DeadLetterTopic(healthy)):

        async def all_put_aside() -> bool:
            return sum(len(batch) for _, batch in healthy.stored) == 5_000

        await until(all_put_aside)
    assert len(healthy.stored) < 100
    assert await topics.committed(GROUP, blocked) == len(good) + 5_000
    assert await counted(reader, truth(events)) == truth([*events, *more])


async def fill(topic: Topic, partition: int) -> list[Event]:
    """Append an event to *partition*, and return it."""
    domain = new_domain()
    while partition_of(domain, PARTITIONS) != partition:
        domain = new_domain()
    events = [Event(domain, EventKind.DELIVERED)]
    await publish(topic, events)
    return events
