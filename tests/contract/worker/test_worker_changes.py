"""A whole worker and the topic of changes: what is published, and what waits for it."""

import asyncio
from collections.abc import Sequence

from shared.errors import BrokerUnavailableError
from shared.model.change import Change
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.partitioning import partition_of
from shared.model.status import DEFAULT_THRESHOLD
from tests.contract.harness.pipeline import PARTITIONS, Pipeline
from tests.contract.harness.stores import Store, fake_store, new_domain, unique
from tests.contract.harness.topics import FakeTopics, Topics
from tests.contract.harness.workers import (
    GROUP,
    Running,
    counted,
    events_of,
    open_worker,
    publish,
    settings_of,
    truth,
    until_counted,
)
from tests.fakes.counter_store import InMemoryCounterStore
from tests.waiting import WAIT_SECONDS, until

BOUNCED = EventKind.BOUNCED
DELIVERED = EventKind.DELIVERED


class NoChanges:
    """A topic of changes that refuses everything."""

    def __init__(self) -> None:
        self.refused: list[Change] = []

    async def publish(self, changes: Sequence[Change]) -> None:
        """See ChangePublisher."""
        self.refused += changes
        raise BrokerUnavailableError("no leader")

    async def run(self) -> None:
        """See ChangePublisher."""
        await asyncio.Event().wait()


async def until_published(pipeline: Pipeline, domain: DomainName, number: int) -> list[Change]:
    """Wait until *number* changes of *domain* are published, and return them."""
    found: list[Change] = []

    async def are_there() -> bool:
        found[:] = await pipeline.topics.published(domain)
        return len(found) >= number

    await until(are_there)
    return found


async def commits_of(pipeline: Pipeline) -> list[int]:
    """Return the committed offset of each partition."""
    return [await pipeline.topics.committed(GROUP, p) or 0 for p in range(PARTITIONS)]


async def ends_of(pipeline: Pipeline) -> list[int]:
    """Return the end of each partition."""
    return [len(await pipeline.topics.records(p)) for p in range(PARTITIONS)]


def sample(running: Running, name: str) -> float:
    """Return the value of the metric *name*."""
    value = running.registry.get_sample_value(name)
    assert value is not None
    return value


async def test_a_bounce_is_published_once_it_is_counted(pipeline: Pipeline) -> None:
    """The change has the partition's counters and the append time of the event."""
    topics, store, domain = pipeline.topics, pipeline.store, new_domain()
    async with open_worker(topics, store.store) as running:
        await publish(topics.topic, [Event(domain, DELIVERED, 7)])
        await until_counted(store.reader, {domain: Counters(7, 0)})
        await publish(topics.topic, [Event(domain, BOUNCED)])

        (change,) = await until_published(pipeline, domain, 1)

        assert await counted(store.reader, [domain]) == {domain: Counters(7, 1)}
        assert change.topic_partition == f"{topics.name}/{partition_of(domain, PARTITIONS)}"
        assert change.counted == Counters(7, 1)
        assert change.appended_at > 1_600_000_000_000

        async def is_told() -> bool:
            return sample(running, "catchall_changes_published_total") == 1

        await until(is_told)


async def test_a_domain_becomes_catch_all_above_the_threshold(pipeline: Pipeline) -> None:
    """Deliveries equal to the threshold change nothing, one more does."""
    topics, store, domain = pipeline.topics, pipeline.store, new_domain()
    async with open_worker(topics, store.store):
        await publish(topics.topic, [Event(domain, DELIVERED, DEFAULT_THRESHOLD)])
        await until_counted(store.reader, {domain: Counters(DEFAULT_THRESHOLD, 0)})
        await publish(topics.topic, [Event(domain, DELIVERED)])
        await until_published(pipeline, domain, 1)
        await publish(topics.topic, [Event(domain, DELIVERED)])
        await publish(topics.topic, [Event(domain, BOUNCED)])
        changes = await until_published(pipeline, domain, 2)

    assert [c.counted.delivered > DEFAULT_THRESHOLD for c in changes] == [True, True]
    assert [c.counted.bounced for c in changes] == [0, 1]


async def test_a_handover_publishes_nothing_twice(pipeline: Pipeline) -> None:
    """A stopped worker has published and committed; the next one finds nothing to publish."""
    topics, store, domain = pipeline.topics, pipeline.store, new_domain()
    async with open_worker(topics, store.store):
        await publish(topics.topic, [Event(domain, BOUNCED)])
        await until_counted(store.reader, {domain: Counters(0, 1)})
    async with open_worker(topics, store.store):
        await publish(topics.topic, [Event(domain, BOUNCED)])
        await until_counted(store.reader, {domain: Counters(0, 2)})

    assert len(await topics.published(domain)) == 1


async def test_the_next_owner_publishes_the_change_of_a_killed_worker(pipeline: Pipeline) -> None:
    """It skips the events as counted, and finds the change in them, once."""
    topics, store, domain = pipeline.topics, pipeline.store, new_domain()
    silent = NoChanges()
    async with open_worker(topics, store.store, changes=silent) as first:
        events = [Event(domain, DELIVERED), Event(domain, BOUNCED), Event(domain, BOUNCED)]
        await publish(topics.topic, events)
        await until_counted(store.reader, truth(events))

        async def has_tried() -> bool:
            return bool(silent.refused)

        await until(has_tried)
        await first.kill()
    assert await topics.published(domain) == []

    async with open_worker(topics, store.store) as second:
        (change,) = await until_published(pipeline, domain, 1)

        assert change.counted == Counters(1, 2)
        assert second.records_read == len(events)
    assert len(await topics.published(domain)) == 1
    assert await commits_of(pipeline) == await ends_of(pipeline)


async def test_a_failing_topic_of_changes_delays_commits_but_not_counting(
    pipeline: Pipeline,
) -> None:
    """Every event is counted; offsets stay below the unpublished change."""
    topics, store = pipeline.topics, pipeline.store
    events = events_of([new_domain() for _ in range(20)])
    settings = settings_of(drain_seconds=0.5)
    changed = [event.domain for event in events if event.kind is BOUNCED]
    at = {domain: partition_of(domain, PARTITIONS) for domain in changed}
    async with open_worker(topics, store.store, changes=NoChanges(), settings=settings) as running:
        await publish(topics.topic, events)
        await until_counted(store.reader, truth(events))

        async def is_told() -> bool:
            return sample(running, "catchall_changes_unpublished") == len(set(changed))

        await until(is_told)
        await publish(topics.topic, [Event(d, DELIVERED) for d in changed])
        events += [Event(d, DELIVERED) for d in changed]
        await until_counted(store.reader, truth(events))

    ends = await ends_of(pipeline)
    commits = await commits_of(pipeline)
    assert all(commits[p] < ends[p] for p in set(at.values()))

    async with open_worker(topics, store.store):
        for domain in changed:
            await until_published(pipeline, domain, 1)
    assert await commits_of(pipeline) == ends


async def test_a_refused_change_is_published_later() -> None:
    """This needs no further counting."""
    topics, store, domain = (
        FakeTopics(unique("contract"), PARTITIONS),
        InMemoryCounterStore(),
        new_domain(),
    )
    topics.failing_changes.fail(BrokerUnavailableError("no leader"))
    async with open_worker(topics, store):
        await publish(topics.topic, [Event(domain, BOUNCED)])
        await until_published(Pipeline(topics, fake_store(store)), domain, 1)


async def test_a_stop_waits_until_its_changes_are_published() -> None:
    """It waits for its writes, too; then everything is committed."""
    topics, store, domain = FakeTopics(unique("contract"), 1), InMemoryCounterStore(), new_domain()
    topics.failing_changes.hold()
    async with open_worker(topics, store) as running:
        await publish(topics.topic, [Event(domain, BOUNCED)])

        async def is_out() -> bool:
            return bool(topics.failing_changes.appends)

        await until(is_out)
        running.stop_requested.set()
        for _ in range(20):
            await asyncio.sleep(0)
        topics.failing_changes.release()
        await running.stop()

    assert len(await topics.published(domain)) == 1
    assert await topics.committed(GROUP, 0) == 1


async def test_a_partition_with_too_many_unpublished_changes_is_paused() -> None:
    """They wait in memory, and the backlog is bounded."""
    topics, store = FakeTopics(unique("contract"), PARTITIONS), InMemoryCounterStore()
    domains = [new_domain() for _ in range(60)]
    settings = settings_of(drain_seconds=0.1).model_copy(update={"max_backlog": 10})
    async with open_worker(topics, store, changes=NoChanges(), settings=settings) as running:
        await publish(topics.topic, [Event(domain, BOUNCED) for domain in domains])

        async def is_paused() -> bool:
            return sample(running, "catchall_paused_partitions") == PARTITIONS

        await until(is_paused)


async def test_the_time_from_append_to_counter_is_measured(
    real_topics: Topics, real_store: Store
) -> None:
    """It uses the clocks of the broker and the worker; topics in memory have no such clock."""
    domain = new_domain()
    async with open_worker(real_topics, real_store.store) as running:
        await publish(real_topics.topic, [Event(domain, DELIVERED)])
        await until_counted(real_store.reader, {domain: Counters(1, 0)})

        async def is_told() -> bool:
            return sample(running, "catchall_end_to_end_seconds_count") == 1

        await until(is_told)
        assert 0 < sample(running, "catchall_end_to_end_seconds_sum") < WAIT_SECONDS
