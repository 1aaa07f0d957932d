"""Superseded rows are deleted and losses of the store repaired, whatever fails meanwhile."""

import asyncio
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from consumer.counting.ledger import PartitionLedger
from consumer.metrics import WorkerMetrics
from consumer.upkeep import Upkeep
from tests.fakes.counter_store import InMemoryCounterStore
from tests.fakes.writers import writers
from tests.unit.consumer.events import RULES, A, add, begin, delivered, load_rows, new_ledger

TOPIC_PARTITION = "t/0"


class Bench:
    """A ledger, its store and its upkeep, at a time set by the test."""

    def __init__(self) -> None:
        self.now = 0.0
        self.store = InMemoryCounterStore()
        self.registry = CollectorRegistry()
        rules = replace(RULES, buckets=self.store.buckets)
        self.ledger = new_ledger(0, rules, writers(clock=lambda: self.now))
        self.upkeep = Upkeep(
            self.store,
            WorkerMetrics(self.registry),
            lambda: self.now,
            lambda: self.now,
            lambda: 0.0,
            audit_interval_seconds=0.01,
        )

    async def deliver(self) -> None:
        """Count one more delivery to A."""
        add(self.ledger, delivered(A), self.ledger.next_offset, self.now)
        load_rows(self.ledger)
        await self.flush()

    async def flush(self) -> None:
        """Write the bucket that is due."""
        write = begin(self.ledger, self.now)
        await self.store.write(TOPIC_PARTITION, write.bucket, write.rows)
        self.ledger.acknowledge(write, self.now)

    def metric(self, name: str) -> float | None:
        """Return the value of a metric."""
        return self.registry.get_sample_value(name)


def counted(bench: Bench) -> tuple[int, int]:
    """Return what a reader is shown of A."""
    newest = max(bench.store.rows(TOPIC_PARTITION, A), key=lambda row: row.applied_offset)
    return newest.delivered, newest.bounced


@pytest.fixture
async def bench() -> Bench:
    """A domain with two rows, one of them superseded at time 10."""
    bench = Bench()
    await bench.deliver()
    bench.ledger.start_epoch(1)
    bench.now = 10.0
    await bench.deliver()
    assert len(bench.store.rows(TOPIC_PARTITION, A)) == 2
    return bench


async def test_superseded_rows_are_deleted_after_their_retention(bench: Bench) -> None:
    """Other rows stay, and nothing is deleted earlier."""
    bench.now = 69.0
    await bench.upkeep.sweep(bench.ledger)
    assert len(bench.store.rows(TOPIC_PARTITION, A)) == 2
    bench.now = 71.0
    await bench.upkeep.sweep(bench.ledger)
    (row,) = bench.store.rows(TOPIC_PARTITION, A)
    assert (row.delivered, row.applied_offset) == (2, 2)
    assert bench.metric("catchall_rows_deleted_total") == 1


async def test_a_failed_deletion_is_repeated_later(bench: Bench) -> None:
    """It is not repeated at once: the store has other problems."""
    bench.store.fail_deletes(1)
    bench.now = 71.0
    await bench.upkeep.sweep(bench.ledger)
    await bench.upkeep.sweep(bench.ledger)
    assert len(bench.store.rows(TOPIC_PARTITION, A)) == 2
    assert bench.metric("catchall_rows_deleted_total") == 0
    bench.now = 132.0
    await bench.upkeep.sweep(bench.ledger)
    assert len(bench.store.rows(TOPIC_PARTITION, A)) == 1


async def test_an_audit_finds_and_repairs_a_loss(bench: Bench) -> None:
    """The counts become right without any further event of the domain."""
    bench.store.falsify(TOPIC_PARTITION, A, delivered=1)
    await bench.upkeep.audit(bench.ledger)
    await bench.flush()
    assert counted(bench) == (2, 0)
    assert bench.metric("catchall_audit_mismatches_total") == 1
    await bench.upkeep.audit(bench.ledger)
    assert bench.metric("catchall_audited_domains_total") == 2
    assert bench.metric("catchall_audit_mismatches_total") == 1


async def test_an_audit_that_cannot_read_finds_nothing(bench: Bench) -> None:
    """A failed read is not a mismatch."""
    bench.store.fail_reads(1)
    await bench.upkeep.audit(bench.ledger)
    assert bench.metric("catchall_audited_domains_total") == 0


async def test_upkeep_runs_periodically(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It deletes and audits rows of the partitions assigned at that time."""
    monkeypatch.setattr("consumer.upkeep.SWEEP_INTERVAL_SECONDS", 0.001)
    owned: list[PartitionLedger] = []
    task = asyncio.ensure_future(bench.upkeep.run(lambda: owned))
    await asyncio.sleep(0.01)
    owned.append(bench.ledger)
    bench.now = 71.0
    async with asyncio.timeout(5):
        while not bench.metric("catchall_audited_domains_total"):
            await asyncio.sleep(0.001)
    task.cancel()
    assert len(bench.store.rows(TOPIC_PARTITION, A)) == 1
