"""The tasks of one partition, with a store of which a part fails or answers late."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from consumer.circuits import Circuits, Replicas
from consumer.counting.kept_memory import PartitionMemory
from consumer.counting.keys.dedupe import Dedupe
from consumer.counting.ledger import PartitionLedger
from consumer.counting.ledger_rules import LedgerRules
from consumer.counting.pacing.circuit_breaker import CircuitBreaker
from consumer.counting.pacing.write_limit import WriteLimit
from consumer.counting.position import Position
from consumer.counting.rows.row_epoch import RowEpoch
from consumer.counting.rows.writer_rows import RowIncrement, StoredRow
from consumer.kafka.dead_letters import DeadLetterTopic
from consumer.metrics import WorkerMetrics
from consumer.partition import PartitionTask
from consumer.worker_context import WorkerContext
from consumer.write_places import WritePlaces
from shared.errors import OutcomeUnknownError, StoreUnavailableError
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.partitioning import bucket_of
from shared.model.record import encode_event, encode_sums
from tests.fakes.counter_store import InMemoryCounterStore
from tests.fakes.group_topic import StoredRecord
from tests.fakes.published_changes import PublishedChanges
from tests.fakes.topic import InMemoryTopic
from tests.fakes.writers import writers
from tests.unit.consumer.events import RETENTION, A, B, add, bounced, delivered
from tests.waiting import until

TOPIC_PARTITION = "events/0"
BUCKETS = 512
DEAD: Replicas = ("replicas-1",)
DOMAINS = [DomainName(f"mailbox-{number}.example") for number in range(BUCKETS)]
FAILURE_SECONDS = 0.1


class HalfDeadStore(InMemoryCounterStore):
    """Two sets of replicas, of which one fails after a while, as by a timeout."""

    def __init__(self) -> None:
        super().__init__(replica_sets=2, buckets=BUCKETS)
        self.reads_fail = False
        self.writes_fail = False

    async def read(self, topic_partition: str, bucket: int) -> list[StoredRow]:
        """See CounterStore."""
        if self.reads_fail and self.replicas_of(bucket) == DEAD:
            await asyncio.sleep(FAILURE_SECONDS)
            raise StoreUnavailableError("OperationTimedOut")
        return await super().read(topic_partition, bucket)

    async def write(self, topic_partition: str, bucket: int, rows: Sequence[RowIncrement]) -> None:
        """See CounterStore."""
        if self.writes_fail and self.replicas_of(bucket) == DEAD:
            await asyncio.sleep(FAILURE_SECONDS)
            raise OutcomeUnknownError("OperationTimedOut")
        await super().write(topic_partition, bucket, rows)

    def healthy(self, domain: DomainName) -> bool:
        """Return whether the replicas of *domain* answer whatever fails."""
        return self.replicas_of(bucket_of(domain, BUCKETS)) != DEAD

    def counted(self, domains: Sequence[DomainName]) -> int:
        """Return the number of *domains* that have a row."""
        return sum(bool(self.rows(TOPIC_PARTITION, domain)) for domain in domains)


def new_context(store: InMemoryCounterStore) -> WorkerContext:
    """Return a context in which counts are written at once."""
    clock = asyncio.get_running_loop().time

    async def end_offset(_: int, at_least: int) -> int:
        return at_least

    return WorkerContext(
        store=store,
        dead_letters=DeadLetterTopic(InMemoryTopic()),
        changes=PublishedChanges(),
        metrics=WorkerMetrics(CollectorRegistry()),
        reads=asyncio.Semaphore(8),
        writes=WritePlaces(WriteLimit(4, max_age_seconds=600.0)),
        urgent_writes=asyncio.Semaphore(4),
        clock=clock,
        wall_clock=lambda: 0.0,
        epoch=RowEpoch(store.epoch, clock, longest_gap_seconds=1e9),
        end_offset=end_offset,
    )


def new_task(context: WorkerContext, buckets: int = BUCKETS) -> PartitionTask:
    """Return a partition with an empty ledger."""
    rules = LedgerRules(buckets, 1_000, 1e-6, RETENTION)
    ledger = PartitionLedger(TOPIC_PARTITION, 0, rules, writers())
    return PartitionTask(0, PartitionMemory(ledger, Dedupe(context.key_window), 0), context)


@asynccontextmanager
async def running(task: PartitionTask) -> AsyncIterator[asyncio.Task[None]]:
    """Run *task*; it must not have ended by itself."""
    run = asyncio.ensure_future(task.run())
    try:
        yield run
        assert not run.done()
    finally:
        run.cancel()
        await asyncio.wait([run])


async def deliver(task: PartitionTask, events: Sequence[Event]) -> None:
    """Add *events* like records of a fetch, and wake the partition."""
    for event in events:
        add(task.ledger, event, task.ledger.next_offset)
    await task.process([])


async def test_a_record_of_many_domains_is_counted_whole_or_put_aside_whole() -> None:
    """A dead letter that is sent again later must not count some of its domains twice."""
    store, letters = InMemoryCounterStore(buckets=BUCKETS), InMemoryTopic()
    context = replace(new_context(store), dead_letters=DeadLetterTopic(letters))
    task = new_task(context)
    counts = {domain: number for number, domain in enumerate(DOMAINS[:40], start=1)}
    (good,) = encode_sums(EventKind.DELIVERED, counts)
    (bad,) = encode_sums(EventKind.BOUNCED, {**counts, DomainName("No.Domain"): 1})
    publishing = asyncio.ensure_future(context.dead_letters.run())
    async with running(task):
        await task.process([StoredRecord(offset, *at) for offset, at in enumerate([good, bad])])
        await task.drain()
    publishing.cancel()
    assert {
        domain: [(row.delivered, row.bounced) for row in store.rows(TOPIC_PARTITION, domain)]
        for domain in counts
    } == {domain: [(count, 0)] for domain, count in counts.items()}
    assert len(letters.appends) == 1
    assert task.position().next_offset == 2


async def test_a_new_owner_reads_again_for_keys_before_it_counts_on() -> None:
    """A metric reports how many records are left."""
    keyed = [Event(A, EventKind.DELIVERED, 1, key) for key in ("a", "b", "a", "c", "b")]
    records = [
        StoredRecord(offset, *encode_event(event), timestamp=1_000)
        for offset, event in enumerate([Event(A, EventKind.DELIVERED), *keyed])
    ]
    store = InMemoryCounterStore(buckets=BUCKETS)
    context = new_context(store)
    rules = LedgerRules(BUCKETS, 1_000, 1e-6, RETENTION)
    taken_over = PartitionLedger(TOPIC_PARTITION, 3, rules, writers())
    memory = PartitionMemory(taken_over, Dedupe(context.key_window), read_from=0)
    task = PartitionTask(0, memory, context)

    assert task.records_to_read_again == 3
    await task.process(records[:1])
    assert task.records_to_read_again == 2
    await task.process(records[1:])
    assert task.records_to_read_again == 0
    async with running(task):
        await task.drain()

    (row,) = store.rows(TOPIC_PARTITION, A)
    assert (row.delivered, row.applied_offset) == (1, 6)  # only "c" is not a repetition
    assert task.position() == Position(6, 0)


async def test_counts_of_many_domains_are_not_decoded_again_for_keys() -> None:
    """They have none, and a new owner may have to pass an hour of them: it does so at once."""
    context = new_context(InMemoryCounterStore(buckets=BUCKETS))
    rules = LedgerRules(BUCKETS, 1_000, 1e-6, RETENTION)
    ledger = PartitionLedger(TOPIC_PARTITION, 1, rules, writers())
    memory = PartitionMemory(ledger, Dedupe(context.key_window), read_from=0)
    (sums,) = encode_sums(EventKind.DELIVERED, dict.fromkeys(DOMAINS[:40], 1))
    records = [StoredRecord(0, *sums, timestamp=1_000)]
    with pytest.raises(StopIteration):  # it lets nobody else run, as it does after decoding them
        PartitionTask(0, memory, context).process(records).send(None)


@pytest.mark.parametrize("known", [False, True])
async def test_replicas_that_fail_stop_no_other_domain(*, known: bool) -> None:
    """Neither while their buckets cannot be read, nor while these are known and not written."""
    store = HalfDeadStore()
    context = new_context(store)
    task = new_task(context)
    healthy = [domain for domain in DOMAINS if store.healthy(domain)]
    dead = [domain for domain in DOMAINS if not store.healthy(domain)]
    assert len(healthy) > 200 < len(dead)
    async with running(task):
        if known:
            await deliver(task, [delivered(domain) for domain in DOMAINS])
            await until(lambda: task.ledger.settled)
            before = list(store.all_rows())
        store.reads_fail = not known
        store.writes_fail = True
        await deliver(task, [bounced(domain) for domain in DOMAINS])

        def bounces_of_the_healthy() -> bool:
            rows = (store.rows(TOPIC_PARTITION, domain) for domain in healthy)
            return all(found and found[0].bounced == 1 for found in rows)

        # Two reads, or one write, at a time would take 10 s or more if each waited its turn.
        await until(bounces_of_the_healthy, 4.0)
        if known:
            assert [row for row in store.all_rows() if row[1].domain.decode() in dead] == [
                row for row in before if row[1].domain.decode() in dead
            ]
        else:
            assert store.counted(dead) == 0
        assert task.ledger.committable_offset() < task.ledger.next_offset

        store.reads_fail = store.writes_fail = False
        await until(lambda: task.ledger.settled, 20.0)
        assert store.counted(dead) == len(dead)


class WatchedBreaker(CircuitBreaker):
    """An open circuit that calls *at_probe* when a probe starts."""

    def __init__(self, at_probe: Callable[[], object]) -> None:
        super().__init__()
        self._at_probe = at_probe
        self.record_failure(0.0)

    def start_probe(self) -> None:
        """See CircuitBreaker."""
        super().start_probe()
        self._at_probe()


class OneCircuit(Circuits):
    """The same circuit for all replicas."""

    def __init__(self, breaker: CircuitBreaker) -> None:
        super().__init__("write")
        self._breaker = breaker

    def of(self, _: Replicas) -> CircuitBreaker:
        """See Circuits."""
        return self._breaker


async def test_a_probe_that_is_cancelled_before_its_first_step_leaves_the_circuit_usable() -> None:
    """Other partitions of the worker share it."""
    store = InMemoryCounterStore()
    runs: list[asyncio.Task[None]] = []
    breaker = WatchedBreaker(lambda: [run.cancel() for run in runs])
    context = replace(new_context(store), write_circuits=OneCircuit(breaker))
    task = new_task(context, store.buckets)
    runs.append(asyncio.ensure_future(task.run()))
    await deliver(task, [delivered(A)])
    await asyncio.wait(runs)

    assert store.writes == []
    assert breaker.may_probe(context.clock() + 9.0)


async def test_a_change_that_comes_when_a_probe_starts_waits_for_its_end() -> None:
    """One write of a bucket is in flight, also before the probe's task has run."""
    store = InMemoryCounterStore()
    loop = asyncio.get_running_loop()

    def change() -> None:
        if task.ledger.next_offset == 1:
            loop.call_soon(add, task.ledger, Event(A, EventKind.BOUNCED, 1), 1)

    circuits = OneCircuit(WatchedBreaker(change))
    task = new_task(replace(new_context(store), write_circuits=circuits), store.buckets)
    async with running(task):
        await deliver(task, [delivered(A)])
        await until(lambda: task.ledger.settled and task.ledger.next_offset == 2)
    assert task.ledger.next_due_at(1e9) is None
    (row, *_) = store.rows(TOPIC_PARTITION, A)
    assert (row.delivered, row.bounced, row.applied_offset) == (1, 1, 2)


async def test_a_partition_that_was_revoked_adds_no_more_records() -> None:
    """It was between two records; the next task reads all that it was given again."""
    context = new_context(InMemoryCounterStore())
    task = new_task(context)
    ((key, value),) = encode_sums(EventKind.DELIVERED, {A: 1, B: 1})
    records = [StoredRecord(offset, key, value, 0) for offset in range(3)]
    process = asyncio.ensure_future(task.process(records))
    await asyncio.sleep(0)

    memory = task.suspend()
    await process

    assert (memory.read_from, memory.ledger.next_offset) == (0, 1)
    again = PartitionTask(0, memory, context)
    await again.process(records)
    assert (again.suspend().read_from, memory.ledger.next_offset) == (3, 3)
