"""Superseded rows are swept, and no row is deleted that this process may still increment."""

from dataclasses import replace

from consumer.counting.ledger import PartitionLedger
from consumer.counting.rows.superseded import Retention
from consumer.counting.rows.writer_rows import BucketWrite, StoredRow
from tests.fakes.counter_store import InMemoryCounterStore, Outcome
from tests.fakes.writers import node_of, writer_at, writers
from tests.unit.consumer.events import (
    RETENTION,
    RULES,
    A,
    B,
    add,
    begin,
    delivered,
    load_rows,
    new_ledger,
    row,
)

TOPIC_PARTITION = "t/0"
ROUNDS = 100
MAX_ROWS_OF_A_DOMAIN = 3


def stored(write: BucketWrite) -> StoredRow:
    """Return the only row of *write*, which is its first, as the store has it."""
    (added,) = write.rows
    return StoredRow(*added[:5])


def test_superseded_rows_of_a_bucket_are_swept_when_they_are_old_enough() -> None:
    """A read shows them to any owner; the newest row of a domain stays."""
    ledger = new_ledger(new_writer=writers(clock=lambda: 100.0))
    old = row(A, 1, 0, 2)
    new = StoredRow(A.encode(), writer_at(50.0, node=8), 3, 0, 5)
    add(ledger, delivered(B), 5)
    ledger.pop_unread()
    ledger.load_rows(0, [new, old], 6, now=0.0, wall_now=100.0)
    assert ledger.sweeps.pop(RETENTION.others_seconds - 51.0) is None
    assert ledger.sweeps.pop(RETENTION.others_seconds - 49.0) == 0
    assert ledger.sweeps.sweep(0, [new, old], 3_600.0, wall_now=3_700.0) == [old]
    assert ledger.sweeps.pop(1e9) is None
    ledger.sweeps.plan(0, 0.0)
    assert ledger.sweeps.pop(60.0) == 0


def test_rows_that_were_already_old_at_the_first_read_are_swept_soon() -> None:
    """However often the partition moved; an update of ours from before may arrive until then."""
    ledger = new_ledger()
    add(ledger, delivered(B), 5)
    ledger.pop_unread()
    rows = [StoredRow(A.encode(), writer_at(50.0, node=8), 3, 0, 5), row(A, 1, 0, 2)]
    ledger.load_rows(0, rows, 6, now=0.0, wall_now=9_999.0)
    assert ledger.sweeps.pop(RETENTION.own_seconds - 1.0) is None
    assert ledger.sweeps.pop(RETENTION.own_seconds) == 0


def test_rows_abandoned_by_a_failure_are_swept_after_their_time() -> None:
    """Once a later row of the domain is acknowledged."""
    ledger = new_ledger()
    add(ledger, delivered(A), 0)
    load_rows(ledger)
    ledger.fail(begin(ledger), 0.0)
    ledger.acknowledge(begin(ledger, 10.0), 10.0)
    assert ledger.sweeps.pop(59.0) is None
    assert ledger.sweeps.pop(60.0) == 0
    assert ledger.sweeps.pop(1e9) is None


def test_rows_left_by_a_failure_are_swept_first_whatever_was_planned_before() -> None:
    """The next look at another writer's row may be hours away."""
    ledger = new_ledger()
    add(ledger, delivered(B), 5)
    ledger.pop_unread()
    rows = [StoredRow(A.encode(), writer_at(50.0, node=8), 3, 0, 5), row(A, 1, 0, 2)]
    ledger.load_rows(0, rows, 6, now=0.0, wall_now=100.0)
    ledger.fail(begin(ledger), 0.0)
    ledger.acknowledge(begin(ledger), 0.0)
    assert ledger.sweeps.pop(RETENTION.own_seconds) == 0


def test_a_row_that_this_process_would_continue_is_abandoned_before_it_is_deleted() -> None:
    """Else the next increment would bring it back without its beginning, under a large offset.

    A worker that was replaced wrote a longer row in the first seconds. Its domain was then idle
    for hours.
    """
    ledger = new_ledger()
    add(ledger, delivered(A, 5), 0)
    load_rows(ledger)
    first = begin(ledger)
    ledger.acknowledge(first, 0.0)
    mine = stored(first)
    zombies = row(A, 5, 0, 9)

    late = 2 * RETENTION.others_seconds
    assert ledger.sweeps.sweep(0, [mine, zombies], late, late) == []
    soon = late + RETENTION.own_seconds
    assert ledger.sweeps.pop(soon) == 0
    assert ledger.sweeps.sweep(0, [mine, zombies], soon, soon) == [mine]

    add(ledger, delivered(A), 5_000, now=soon)
    again = begin(ledger, soon)
    assert stored(again)[2:] == (6, 0, 5_001)
    assert again.rows[0].writer != mine.writer


def test_a_row_in_doubt_stays_until_its_domain_has_an_acknowledged_one() -> None:
    """A late update of it surpasses what another writer counts until then."""
    ledger = new_ledger()
    add(ledger, delivered(A, 5), 0)
    load_rows(ledger)
    first = begin(ledger)
    ledger.acknowledge(first, 0.0)
    rows = [stored(first), row(A, 5, 0, 9)]
    add(ledger, delivered(A), 5_000, now=100.0)
    writing = begin(ledger, 100.0)
    assert ledger.sweeps.sweep(0, rows, 100.0, 100.0) == []
    ledger.fail(writing, 100.0)
    assert ledger.sweeps.sweep(0, rows, 100.0, 100.0) == []
    ledger.acknowledge(begin(ledger, 100.0), 100.0)
    assert ledger.sweeps.sweep(0, rows, 100.0, 100.0) == rows[:1]


# ---- over a long time


class Owner:
    """A process that owns the partition again and again."""

    def __init__(self, store: InMemoryCounterStore, node: int) -> None:
        self.store = store
        self.now = 0.0
        retention = Retention(node_of(node), RETENTION.own_seconds, RETENTION.others_seconds)
        self._rules = replace(RULES, buckets=store.buckets, retention=retention)
        self._new_writer = writers(node, lambda: self.now)
        self.ledger = self.take_over(0)

    def take_over(self, first_offset: int) -> PartitionLedger:
        """Start with empty memory."""
        self.ledger = PartitionLedger(TOPIC_PARTITION, first_offset, self._rules, self._new_writer)
        return self.ledger

    async def count(self, offset: int, now: float) -> None:
        """Count one delivery to A and B each, in one bucket or two."""
        self.now = now
        for place, domain in enumerate((A, B)):
            add(self.ledger, delivered(domain), offset + place, now)
        while (bucket := self.ledger.pop_unread()) is not None:
            rows = await self.store.read(TOPIC_PARTITION, bucket)
            self.ledger.load_rows(bucket, rows, self.ledger.next_offset, now, now)
        self.ledger.drain()
        while (bucket := self.ledger.pop_due(now)) is not None:
            write = self.ledger.begin(bucket, 10, now)
            self.store.settle(TOPIC_PARTITION, write.rows, Outcome.ACKNOWLEDGED)
            self.ledger.acknowledge(write, now)

    async def sweep(self, now: float) -> None:
        """Delete what may be deleted by now."""
        while (bucket := self.ledger.sweeps.pop(now)) is not None:
            rows = await self.store.read(TOPIC_PARTITION, bucket)
            superseded = self.ledger.sweeps.sweep(bucket, rows, now, now)
            await self.store.delete(TOPIC_PARTITION, bucket, superseded)


def check(store: InMemoryCounterStore, counted: int) -> None:
    """Check the counts of A and B, and how many rows they have."""
    for domain in (A, B):
        rows = store.rows(TOPIC_PARTITION, domain)
        assert len(rows) <= MAX_ROWS_OF_A_DOMAIN
        assert max(rows, key=lambda each: each.applied_offset).delivered == counted


async def test_evictions_leave_no_rows_behind() -> None:
    """A bucket that is read again continues its rows, new domains included."""
    store = InMemoryCounterStore()
    owner = Owner(store, node=1)
    for number in range(ROUNDS):
        await owner.count(2 * number, now=number)
        owner.ledger.evict_idle(0)
        await owner.sweep(number + 0.5)
        check(store, number + 1)
    assert len(store.rows(TOPIC_PARTITION, A)) == 1


async def test_rebalances_between_two_workers_leave_few_rows_behind() -> None:
    """Each deletes its own rows from before; it needs to own the partition for a minute."""
    store = InMemoryCounterStore()
    owners = [Owner(store, node=1), Owner(store, node=2)]
    for number in range(ROUNDS):
        owner, now = owners[number % 2], 120.0 * number
        owner.take_over(2 * number)
        await owner.count(2 * number, now)
        await owner.sweep(now + RETENTION.own_seconds)
        check(store, number + 1)
