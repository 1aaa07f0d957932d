"""Idempotency keys: a key counts once per domain and kind, whichever worker reads it."""

from msgspec.structs import replace

from shared.model.event import Event, EventKind
from shared.model.partitioning import partition_of
from tests.contract.harness.pipeline import PARTITIONS, Pipeline
from tests.contract.harness.stores import new_domain
from tests.contract.harness.workers import Running, counted, events_of, open_worker, publish, truth
from tests.contract.harness.workers import until_counted as wait_until_counted
from tests.waiting import until


def keyed(events: list[Event]) -> list[Event]:
    """Return *events*, each with a key."""
    return [replace(event, idempotency_key=f"k{number}") for number, event in enumerate(events)]


async def until_read(running: Running, records: int) -> None:
    """Wait until the worker has read that many records."""

    async def enough() -> bool:
        return (running.records_read or 0) >= records

    await until(enough)


async def test_a_repeated_key_counts_once(pipeline: Pipeline) -> None:
    """Repetitions are in one batch, in later batches, and between events without a key."""
    plain = events_of([new_domain() for _ in range(10)], rounds=4)
    events = keyed(plain)

    async with open_worker(pipeline.topics, pipeline.store.store) as running:
        await publish(pipeline.topics.topic, [*events, *plain, *events])
        await publish(pipeline.topics.topic, events)
        await until_read(running, 4 * len(events))

    assert await counted(pipeline.store.reader, truth(events)) == truth([*events, *plain])


async def test_one_key_of_two_domains_or_kinds_names_two_events(pipeline: Pipeline) -> None:
    """A bounce under the key of a delivery, often the id of a message, counts."""
    domains = [new_domain() for _ in range(4)]
    events = [Event(domain, kind, 1, "same") for domain in domains for kind in EventKind]

    async with open_worker(pipeline.topics, pipeline.store.store):
        await publish(pipeline.topics.topic, events)
        await wait_until_counted(pipeline.store.reader, truth(events))


async def test_the_next_worker_knows_the_keys_after_a_clean_stop(pipeline: Pipeline) -> None:
    """Everything is committed, but records with keys are read again."""
    events = keyed(events_of([new_domain() for _ in range(10)], rounds=4))
    await publish(pipeline.topics.topic, events)
    async with open_worker(pipeline.topics, pipeline.store.store) as first:
        await until_read(first, len(events))

    await publish(pipeline.topics.topic, events)
    async with open_worker(pipeline.topics, pipeline.store.store) as second:
        await until_read(second, 2 * len(events))

    assert await counted(pipeline.store.reader, truth(events)) == truth(events)


async def test_the_next_worker_knows_the_keys_after_a_kill(pipeline: Pipeline) -> None:
    """Without a commit everything is read again, and nothing is counted again."""
    events = keyed(events_of([new_domain() for _ in range(10)], rounds=4))
    await publish(pipeline.topics.topic, [*events, *events])
    async with open_worker(pipeline.topics, pipeline.store.store) as first:
        await wait_until_counted(pipeline.store.reader, truth(events))
        await first.kill()

    await publish(pipeline.topics.topic, events)
    async with open_worker(pipeline.topics, pipeline.store.store) as second:
        await until_read(second, 3 * len(events))

    assert await counted(pipeline.store.reader, truth(events)) == truth(events)


async def test_an_undecodable_record_read_again_for_keys_is_no_second_dead_letter(
    pipeline: Pipeline,
) -> None:
    """An undecodable record above the oldest key has a dead letter already."""
    event = Event(new_domain(), EventKind.DELIVERED, 1, "k")
    partition = partition_of(event.domain, PARTITIONS)
    await publish(pipeline.topics.topic, [event])
    await pipeline.topics.topic.append(partition, [(b"\xff", b"no record")])
    async with open_worker(pipeline.topics, pipeline.store.store) as first:
        await until_read(first, 2)

    await publish(pipeline.topics.topic, [event])
    async with open_worker(pipeline.topics, pipeline.store.store) as second:
        await until_read(second, 3)

    assert len(await pipeline.topics.letters()) == 1
    assert await counted(pipeline.store.reader, truth([event])) == truth([event])
