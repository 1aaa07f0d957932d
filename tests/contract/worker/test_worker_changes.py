"""A whole worker and the topic of changes: what readers hear of, and what that holds up."""

import asyncio
from collections.abc import Sequence

from shared.errors import BrokerUnavailableError
from shared.model.change import Change
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.partitioning import partition_of
from shared.model.status import DEFAULT_THRESHOLD
from tests.contract.harness.logs import FakeLog, Log
from tests.contract.harness.pipeline import PARTITIONS, Pipeline
from tests.contract.harness.stores import Store, fake_store, new_domain, unique
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
    """A topic of changes that refuses all that it is given."""

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
    """Wait until there are *number* changes of *domain*, and return them."""
    found: list[Change] = []

    async def are_there() -> bool:
        found[:] = await pipeline.log.published(domain)
        return len(found) >= number

    await until(are_there)
    return found


async def commits_of(pipeline: Pipeline) -> list[int]:
    """Return from where each partition is read on."""
    return [await pipeline.log.committed(GROUP, p) or 0 for p in range(PARTITIONS)]


async def ends_of(pipeline: Pipeline) -> list[int]:
    """Return where each partition ends."""
    return [len(await pipeline.log.records(p)) for p in range(PARTITIONS)]


def sample(running: Running, name: str) -> float:
    """Return what the worker says of *name*."""
    value = running.registry.get_sample_value(name)
    assert value is not None
    return value


async def test_a_bounce_is_published_once_it_is_counted(pipeline: Pipeline) -> None:
    """With the log's counters, and the time when Kafka took the event."""
    log, store, domain = pipeline.log, pipeline.store, new_domain()
    async with open_worker(log, store.store) as running:
        await publish(log.topic, [Event(domain, DELIVERED, 7)])
        await until_counted(store.reader, {domain: Counters(7, 0)})
        await publish(log.topic, [Event(domain, BOUNCED)])

        (change,) = await until_published(pipeline, domain, 1)

        assert await counted(store.reader, [domain]) == {domain: Counters(7, 1)}
        assert change.topic_partition == f"{log.name}/{partition_of(domain, PARTITIONS)}"
        assert change.counted == Counters(7, 1)
        assert change.appended_at > 1_600_000_000_000

        async def is_told() -> bool:
            return sample(running, "catchall_changes_published_total") == 1

        await until(is_told)


async def test_a_domain_becomes_catch_all_above_the_threshold(pipeline: Pipeline) -> None:
    """Exactly as many deliveries as the threshold change nothing, one more does."""
    log, store, domain = pipeline.log, pipeline.store, new_domain()
    async with open_worker(log, store.store):
        await publish(log.topic, [Event(domain, DELIVERED, DEFAULT_THRESHOLD)])
        await until_counted(store.reader, {domain: Counters(DEFAULT_THRESHOLD, 0)})
        await publish(log.topic, [Event(domain, DELIVERED)])
        await until_published(pipeline, domain, 1)
        await publish(log.topic, [Event(domain, DELIVERED)])
        await publish(log.topic, [Event(domain, BOUNCED)])
        changes = await until_published(pipeline, domain, 2)

    assert [c.counted.delivered > DEFAULT_THRESHOLD for c in changes] == [True, True]
    assert [c.counted.bounced for c in changes] == [0, 1]


async def test_a_handover_publishes_nothing_twice(pipeline: Pipeline) -> None:
    """A worker that stops has published and committed; the next one finds nothing to say."""
    log, store, domain = pipeline.log, pipeline.store, new_domain()
    async with open_worker(log, store.store):
        await publish(log.topic, [Event(domain, BOUNCED)])
        await until_counted(store.reader, {domain: Counters(0, 1)})
    async with open_worker(log, store.store):
        await publish(log.topic, [Event(domain, BOUNCED)])
        await until_counted(store.reader, {domain: Counters(0, 2)})

    assert len(await log.published(domain)) == 1


async def test_a_worker_that_dies_before_it_publishes_is_made_good(pipeline: Pipeline) -> None:
    """The next owner skips the events as counted, and finds the change in them, once."""
    log, store, domain = pipeline.log, pipeline.store, new_domain()
    silent = NoChanges()
    async with open_worker(log, store.store, changes=silent) as first:
        events = [Event(domain, DELIVERED), Event(domain, BOUNCED), Event(domain, BOUNCED)]
        await publish(log.topic, events)
        await until_counted(store.reader, truth(events))

        async def has_tried() -> bool:
            return bool(silent.refused)

        await until(has_tried)
        await first.kill()
    assert await log.published(domain) == []

    async with open_worker(log, store.store) as second:
        (change,) = await until_published(pipeline, domain, 1)

        assert change.counted == Counters(1, 2)
        assert second.records_read == len(events)
    assert len(await log.published(domain)) == 1
    assert await commits_of(pipeline) == await ends_of(pipeline)


async def test_a_failing_topic_of_changes_holds_up_commits_and_no_counting(
    pipeline: Pipeline,
) -> None:
    """Every event is counted; offsets stay below the change that nobody has heard of."""
    log, store = pipeline.log, pipeline.store
    events = events_of([new_domain() for _ in range(20)])
    settings = settings_of(drain_seconds=0.5)
    changed = [event.domain for event in events if event.kind is BOUNCED]
    at = {domain: partition_of(domain, PARTITIONS) for domain in changed}
    async with open_worker(log, store.store, changes=NoChanges(), settings=settings) as running:
        await publish(log.topic, events)
        await until_counted(store.reader, truth(events))

        async def is_told() -> bool:
            return sample(running, "catchall_changes_unpublished") == len(set(changed))

        await until(is_told)
        await publish(log.topic, [Event(d, DELIVERED) for d in changed])
        events += [Event(d, DELIVERED) for d in changed]
        await until_counted(store.reader, truth(events))

    ends = await ends_of(pipeline)
    commits = await commits_of(pipeline)
    assert all(commits[p] < ends[p] for p in set(at.values()))

    async with open_worker(log, store.store):
        for domain in changed:
            await until_published(pipeline, domain, 1)
    assert await commits_of(pipeline) == ends


async def test_a_change_that_was_refused_is_published_later() -> None:
    """As soon as Kafka takes it: nothing needs to be counted for that."""
    log, store, domain = (
        FakeLog(unique("contract"), PARTITIONS),
        InMemoryCounterStore(),
        new_domain(),
    )
    log.failing_changes.fail(BrokerUnavailableError("no leader"))
    async with open_worker(log, store):
        await publish(log.topic, [Event(domain, BOUNCED)])
        await until_published(Pipeline(log, fake_store(store)), domain, 1)


async def test_a_stop_waits_until_its_changes_are_published() -> None:
    """As it does for its writes; then all of it is committed."""
    log, store, domain = FakeLog(unique("contract"), 1), InMemoryCounterStore(), new_domain()
    log.failing_changes.hold()
    async with open_worker(log, store) as running:
        await publish(log.topic, [Event(domain, BOUNCED)])

        async def is_out() -> bool:
            return bool(log.failing_changes.appends)

        await until(is_out)
        running.told_to_stop.set()
        for _ in range(20):
            await asyncio.sleep(0)
        log.failing_changes.release()
        await running.stop()

    assert len(await log.published(domain)) == 1
    assert await log.committed(GROUP, 0) == 1


async def test_a_partition_with_too_many_unpublished_changes_is_paused() -> None:
    """They wait in memory, and that is bounded as any other backlog."""
    log, store = FakeLog(unique("contract"), PARTITIONS), InMemoryCounterStore()
    domains = [new_domain() for _ in range(60)]
    settings = settings_of(drain_seconds=0.1).model_copy(update={"max_backlog": 10})
    async with open_worker(log, store, changes=NoChanges(), settings=settings) as running:
        await publish(log.topic, [Event(domain, BOUNCED) for domain in domains])

        async def is_paused() -> bool:
            return sample(running, "catchall_paused_partitions") == PARTITIONS

        await until(is_paused)


async def test_the_time_from_append_to_counter_is_measured(
    real_log: Log, real_store: Store
) -> None:
    """By the clocks of the broker and of the worker; the log in memory has none."""
    domain = new_domain()
    async with open_worker(real_log, real_store.store) as running:
        await publish(real_log.topic, [Event(domain, DELIVERED)])
        await until_counted(real_store.reader, {domain: Counters(1, 0)})

        async def is_told() -> bool:
            return sample(running, "catchall_end_to_end_seconds_count") == 1

        await until(is_told)
        assert 0 < sample(running, "catchall_end_to_end_seconds_sum") < WAIT_SECONDS
