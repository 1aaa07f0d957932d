"""Superseded rows are deleted and losses of the store repaired, whatever fails meanwhile."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from consumer.counting.flush_policy import FlushPolicy
from consumer.counting.ledger import PartitionLedger
from consumer.metrics import WorkerMetrics
from consumer.upkeep import Upkeep
from shared.model.counter import Counters, sum_rows
from tests.fakes.counter_store import InMemoryCounterStore
from tests.fakes.writers import writers
from tests.unit.consumer.events import RETENTION, A, delivered

TOPIC_PARTITION = "t/0"


class Bench:
    """A ledger, its store and its upkeep, at a time set by the test."""

    def __init__(self) -> None:
        self.now = 0.0
        self.store = InMemoryCounterStore()
        self.registry = CollectorRegistry()
        self.ledger = PartitionLedger(
            TOPIC_PARTITION, 0, FlushPolicy(1000, 1.0), writers(), RETENTION
        )
        self.upkeep = Upkeep(
            self.store,
            WorkerMetrics(self.registry),
            lambda: self.now,
            lambda: 0.0,
            audit_interval_seconds=0.01,
        )

    async def deliver(self) -> None:
        """Count one more delivery to A."""
        self.ledger.add(delivered(A), self.ledger.next_offset, self.now)
        for domain in self.ledger.pop_unread(1):
            self.ledger.load_rows(domain, [], self.ledger.next_offset, self.now)
        await self.flush()

    async def flush(self) -> None:
        """Write the due updates."""
        updates = self.ledger.start_updates(self.now, 10)
        await self.store.write(TOPIC_PARTITION, updates)
        self.ledger.acknowledge(updates, self.now)

    def metric(self, name: str) -> float | None:
        """Return the value of a metric."""
        return self.registry.get_sample_value(name)


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
    await bench.upkeep.delete_superseded(bench.ledger)
    assert len(bench.store.rows(TOPIC_PARTITION, A)) == 2
    bench.now = 70.0
    await bench.upkeep.delete_superseded(bench.ledger)
    (row,) = bench.store.rows(TOPIC_PARTITION, A)
    assert (row.delivered, row.applied_offset) == (2, 2)
    assert bench.metric("catchall_rows_deleted_total") == 1


async def test_a_failed_deletion_is_repeated_later(bench: Bench) -> None:
    """It is not repeated at once: the store has other problems."""
    bench.store.fail_deletes(1)
    bench.now = 70.0
    await bench.upkeep.delete_superseded(bench.ledger)
    await bench.upkeep.delete_superseded(bench.ledger)
    assert len(bench.store.rows(TOPIC_PARTITION, A)) == 2
    assert bench.metric("catchall_rows_deleted_total") == 0
    bench.now = 130.0
    await bench.upkeep.delete_superseded(bench.ledger)
    assert len(bench.store.rows(TOPIC_PARTITION, A)) == 1


async def test_an_audit_finds_and_repairs_a_loss(bench: Bench) -> None:
    """The counts become right without any further event of the domain."""
    bench.store.falsify(TOPIC_PARTITION, A, delivered=1)
    await bench.upkeep.audit(bench.ledger)
    await bench.flush()
    assert sum_rows(bench.store.rows(TOPIC_PARTITION, A)) == Counters(2, 0)
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
    monkeypatch.setattr("consumer.upkeep.DELETE_INTERVAL_SECONDS", 0.001)
    owned: list[PartitionLedger] = []
    task = asyncio.ensure_future(bench.upkeep.run(lambda: owned))
    await asyncio.sleep(0.01)
    owned.append(bench.ledger)
    bench.now = 70.0
    async with asyncio.timeout(5):
        while not bench.metric("catchall_audited_domains_total"):
            await asyncio.sleep(0.001)
    task.cancel()
    assert len(bench.store.rows(TOPIC_PARTITION, A)) == 1
