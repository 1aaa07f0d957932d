"""Workers on topics and a store, real or not, and the events that they count."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from consumer.__main__ import WriterIds
from consumer.config import WorkerSettings
from consumer.counter_store import CounterStore
from consumer.counting.pacing.write_limit import WriteLimit
from consumer.counting.rows.row_epoch import LONGEST_GAP_SECONDS, RowEpoch
from consumer.kafka.change_publisher import ChangePublisher, ChangeTopic
from consumer.kafka.dead_letters import DeadLetters, DeadLetterTopic
from consumer.kafka.record_source import RecordSource
from consumer.metrics import WorkerMetrics
from consumer.upkeep import Upkeep
from consumer.worker import Worker
from consumer.worker_context import WorkerContext
from consumer.write_places import WritePlaces
from query.lookup.counter_reader import CounterReader
from shared.kafka.topic import Topic
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.partitioning import DEFAULT_BUCKETS, partition_of
from shared.model.record import KeyValue, encode_event
from tests.contract.harness.topics import SESSION_SECONDS, Source, Topics
from tests.waiting import WAIT_SECONDS, until

GROUP = "workers"


@dataclass(slots=True)
class Running:
    """A running worker; ``stop`` and ``kill`` return when it has ended."""

    worker: Worker
    writes: WritePlaces
    source: Source
    registry: CollectorRegistry
    stop_requested: asyncio.Event
    task: asyncio.Task[None]

    async def stop(self) -> None:
        """Stop it gracefully. Raises the error that it ended with."""
        self.stop_requested.set()
        async with asyncio.timeout(WAIT_SECONDS):
            await self.task

    async def kill(self) -> None:
        """Cancel it between two steps, whatever is in flight."""
        self.task.cancel()
        await asyncio.wait({self.task}, timeout=WAIT_SECONDS)
        assert self.task.cancelled()

    @property
    def partitions(self) -> float | None:
        """The number of its partitions."""
        return self.registry.get_sample_value("catchall_assigned_partitions")

    @property
    def records_read(self) -> float | None:
        """The number of records that it has read."""
        return self.registry.get_sample_value("catchall_records_total")

    @property
    def buckets_read(self) -> float | None:
        """The number of reads of buckets that were not in memory."""
        return self.registry.get_sample_value("catchall_counter_read_seconds_count")

    @property
    def records_replayed(self) -> float:
        """The number of those records that the rows had counted before."""
        return self.registry.get_sample_value("catchall_records_replayed_total") or 0.0

    def stopped(self, topic: str, partition: int, cause: str) -> bool:
        """Whether it reports that it does not read *partition* because of *cause*."""
        labels = {"group": GROUP, "topic": topic, "partition": str(partition), "cause": cause}
        return self.registry.get_sample_value("catchall_stopped_partitions", labels) == 1


def settings_of(drain_seconds: float = 2.0) -> WorkerSettings:
    """Return settings with short intervals; offsets are committed at the end only."""
    return WorkerSettings(
        group=GROUP,
        flush_max_age_seconds=0.05,
        session_timeout_seconds=SESSION_SECONDS,
        drain_seconds=drain_seconds,
    )


def start_worker(
    source: Source,
    store: CounterStore,
    letters: DeadLetters,
    changes: ChangePublisher,
    topic: str,
    settings: WorkerSettings,
) -> Running:
    """Start a worker that joins the group. The caller ends it."""
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    context = _context(source, store, letters, changes, metrics)
    upkeep = Upkeep(
        store, metrics, context.clock, time.time, random.random, settings.audit_interval_seconds
    )
    ids = WriterIds()
    rules = settings.rules(DEFAULT_BUCKETS, ids.node)
    worker = Worker(source, context, settings, topic, rules, ids.new, upkeep)
    stop = asyncio.Event()
    task = asyncio.ensure_future(worker.run(until=stop))
    source.subscribe(worker)
    return Running(worker, context.writes, source, registry, stop, task)


@asynccontextmanager
async def open_worker(
    topics: Topics,
    store: CounterStore,
    *,
    letters: DeadLetters | None = None,
    changes: ChangePublisher | None = None,
    settings: WorkerSettings | None = None,
) -> AsyncIterator[Running]:
    """Start a worker. Stop it at the end unless it has ended, and leave the group."""
    async with topics.open_source(GROUP) as source:
        running = start_worker(
            source,
            store,
            letters or DeadLetterTopic(topics.dead_letters),
            changes or ChangeTopic(topics.changes, DEFAULT_BUCKETS),
            topics.name,
            settings or settings_of(),
        )
        try:
            yield running
            if not running.task.done():
                await running.stop()
        finally:
            running.task.cancel()
            await asyncio.wait({running.task}, timeout=WAIT_SECONDS)


def _context(
    source: RecordSource,
    store: CounterStore,
    letters: DeadLetters,
    changes: ChangePublisher,
    metrics: WorkerMetrics,
) -> WorkerContext:
    clock = asyncio.get_running_loop().time
    return WorkerContext(
        store=store,
        dead_letters=letters,
        changes=changes,
        metrics=metrics,
        reads=asyncio.Semaphore(8),
        writes=WritePlaces(WriteLimit(4, max_age_seconds=600.0)),
        urgent_writes=asyncio.Semaphore(4),
        clock=clock,
        wall_clock=time.time,
        epoch=RowEpoch(store.epoch, clock, LONGEST_GAP_SECONDS),
        end_offset=source.end_offset,
    )


async def publish(topic: Topic, events: Iterable[Event]) -> None:
    """Append *events* like an ingest node, each to the partition of its domain."""
    groups: dict[int, list[KeyValue]] = defaultdict(list)
    for event in events:
        groups[partition_of(event.domain, topic.partitions)].append(encode_event(event))
    for partition, records in groups.items():
        await topic.append(partition, records)


def events_of(domains: Iterable[DomainName], rounds: int = 10) -> list[Event]:
    """Return events of all *domains* with different counts, in turns."""
    return [
        Event(domain, EventKind.BOUNCED if (place + turn) % 3 == 0 else EventKind.DELIVERED, turn)
        for turn in range(1, rounds + 1)
        for place, domain in enumerate(domains)
    ]


def truth(events: Iterable[Event]) -> dict[DomainName, Counters]:
    """Return the counters that *events* add up to."""
    counts: dict[DomainName, Counters] = defaultdict(Counters)
    for event in events:
        before = counts[event.domain]
        if event.kind is EventKind.DELIVERED:
            counts[event.domain] = Counters(before.delivered + event.count, before.bounced)
        else:
            counts[event.domain] = Counters(before.delivered, before.bounced + event.count)
    return dict(counts)


async def counted(
    reader: CounterReader, domains: Iterable[DomainName]
) -> Mapping[DomainName, Counters]:
    """Return the current counters."""
    return {domain: await reader.read(domain) for domain in domains}


async def until_counted(reader: CounterReader, expected: Mapping[DomainName, Counters]) -> None:
    """Wait until all of *expected* is counted; fail with the differences otherwise."""
    found: Mapping[DomainName, Counters] = {}

    async def all_there() -> bool:
        nonlocal found
        found = await counted(reader, expected)
        return found == expected

    try:
        await until(all_there)
    except TimeoutError as error:
        wrong = {d: (found[d], expected[d]) for d in expected if found[d] != expected[d]}
        raise AssertionError(f"counted, expected: {wrong}") from error
