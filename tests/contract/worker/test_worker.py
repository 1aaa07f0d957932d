"""A whole worker between topics and a store: every event is counted exactly once."""

import asyncio
import base64
import json
from collections.abc import Sequence

import pytest

from consumer.kafka import partition_offsets
from consumer.kafka.record_source import Record
from consumer.partition import PartitionTask
from consumer.write_places import WritePlaces
from shared.errors import PipelineError
from shared.model.event import Event, EventKind
from shared.model.partitioning import partition_of
from shared.model.record import encode_event
from tests.contract.harness.pipeline import PARTITIONS, Pipeline
from tests.contract.harness.stores import new_domain, update_of, write
from tests.contract.harness.workers import (
    GROUP,
    counted,
    events_of,
    open_worker,
    publish,
    truth,
    until_counted,
)
from tests.waiting import until


async def test_every_event_is_counted_once(pipeline: Pipeline) -> None:
    """Kinds, counts and domains are separate, over all partitions and many flushes."""
    events = events_of([new_domain() for _ in range(40)])

    async with open_worker(pipeline.topics, pipeline.store.store):
        for start in range(0, len(events), 90):
            await publish(pipeline.topics.topic, events[start : start + 90])
        await until_counted(pipeline.store.reader, truth(events))

    assert await counted(pipeline.store.reader, truth(events)) == truth(events)


async def test_an_undecodable_record_becomes_a_dead_letter_and_its_partition_goes_on(
    pipeline: Pipeline,
) -> None:
    """The dead letter has partition, offset, reason and bytes; the records around it count."""
    topics, domain = pipeline.topics, new_domain()
    event = Event(domain, EventKind.DELIVERED, 5)
    partition = partition_of(domain, PARTITIONS)
    good, bad = encode_event(event), (b"\xff", b"\x00not a record")
    await topics.topic.append(partition, [good, bad, good])

    async with open_worker(topics, pipeline.store.store):
        await until_counted(pipeline.store.reader, truth([event, event]))

    ((key, value),) = await topics.letters()
    assert key is not None
    assert value is not None
    letter = json.loads(value)
    assert key.decode() == letter["log"] == f"{topics.name}/{partition}"
    assert letter["offset"] == 1
    assert letter["reason"].startswith("the value is not a record")
    assert (base64.b64decode(letter["key"]), base64.b64decode(letter["value"])) == bad
    assert await topics.committed(GROUP, partition) == 3


async def test_a_stop_flushes_and_commits_everything(pipeline: Pipeline) -> None:
    """Every record read before the stop is counted and committed."""
    topics, events = pipeline.topics, events_of([new_domain() for _ in range(40)])
    await publish(topics.topic, events)

    async with open_worker(topics, pipeline.store.store) as running:

        async def all_read() -> bool:
            return running.records_read == len(events)

        await until(all_read)
        await running.stop()

    assert await counted(pipeline.store.reader, truth(events)) == truth(events)
    ends = [len(await topics.records(p)) for p in range(PARTITIONS)]
    assert [await topics.committed(GROUP, p) for p in range(PARTITIONS)] == ends


async def test_a_worker_after_a_clean_stop_reads_nothing_twice(pipeline: Pipeline) -> None:
    """It continues at the committed offset, on top of the existing counters."""
    topics, store = pipeline.topics, pipeline.store
    domains = [new_domain() for _ in range(10)]
    before, after = events_of(domains), events_of(domains, rounds=3)
    await publish(topics.topic, before)
    async with open_worker(topics, store.store):
        await until_counted(store.reader, truth(before))
    await publish(topics.topic, after)

    async with open_worker(topics, store.store) as second:
        await until_counted(store.reader, truth(before + after))

        assert second.records_read == len(after)


async def test_a_worker_after_a_kill_counts_nothing_twice(pipeline: Pipeline) -> None:
    """Without a commit it reads everything again, and skips what the rows count."""
    topics, store = pipeline.topics, pipeline.store
    domains = [new_domain() for _ in range(10)]
    before, after = events_of(domains), events_of(domains, rounds=3)
    await publish(topics.topic, before)
    async with open_worker(topics, store.store) as first:
        await until_counted(store.reader, truth(before))
        await publish(topics.topic, after)
        await first.kill()

    async with open_worker(topics, store.store) as second:
        await until_counted(store.reader, truth(before + after))

        assert second.records_read == len(before + after)
        assert second.records_replayed >= len(before)
    assert await counted(store.reader, domains) == truth(before + after)


async def test_workers_that_come_and_go_count_exactly(pipeline: Pipeline) -> None:
    """Partitions change owners twice while events arrive."""
    topics, store = pipeline.topics, pipeline.store
    domains = [new_domain() for _ in range(20)]
    events = events_of(domains, rounds=4)
    async with open_worker(topics, store.store) as first:
        await publish(topics.topic, events)
        async with open_worker(topics, store.store) as second:

            async def is_shared() -> bool:
                await publish(topics.topic, more := events_of(domains[:2], rounds=1))
                events.extend(more)
                return first.partitions == second.partitions == 1

            await until(is_shared)
            await publish(topics.topic, more := events_of(domains, rounds=4))
            events.extend(more)
        await publish(topics.topic, more := events_of(domains, rounds=4))
        events.extend(more)
        await until_counted(store.reader, truth(events))
    assert await counted(store.reader, domains) == truth(events)


async def test_a_partition_with_more_counted_records_than_it_has_stops_alone(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The topic was created again under its old name, so its offsets mean nothing."""
    monkeypatch.setattr(partition_offsets, "STALE_LEADER_SECONDS", 1.0)
    topics, store, domain = pipeline.topics, pipeline.store, new_domain()
    wrong = partition_of(domain, PARTITIONS)
    origin = f"{topics.name}/{wrong}"
    await write(store.store, origin, update_of(domain, delivered=500, applied_offset=1_000))
    others = [d for d in (new_domain() for _ in range(20)) if partition_of(d, PARTITIONS) != wrong]
    events = events_of(others)
    await publish(topics.topic, [Event(domain, EventKind.DELIVERED), *events])

    async with open_worker(topics, store.store) as running:
        await until_counted(store.reader, truth(events))

        await until(lambda: running.stopped(topics.name, wrong, "log_rewritten"))
        with pytest.raises(PipelineError, match=f"{origin}: 1000 records are counted, but"):
            await running.worker.require_reading()

    assert await topics.committed(GROUP, wrong) is None
    assert (await counted(store.reader, [domain]))[domain].delivered == 500


async def test_a_worker_measures_how_late_it_is(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time for the records of a round limits the writes."""
    process, topics, rounds = PartitionTask.process, pipeline.topics, list[float]()

    async def process_slowly(task: PartitionTask, records: Sequence[Record]) -> None:
        await asyncio.sleep(0.25)
        await process(task, records)

    monkeypatch.setattr(WritePlaces, "record_round", lambda _, seconds: rounds.append(seconds))
    monkeypatch.setattr(PartitionTask, "process", process_slowly)
    async with open_worker(topics, pipeline.store.store):
        await publish(topics.topic, events_of([new_domain()]))
        await until(lambda: max(rounds, default=0.0) >= 0.2)
