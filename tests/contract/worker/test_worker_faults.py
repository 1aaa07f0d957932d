"""A whole worker on a faithless store: whatever becomes of a write, the counts are exact."""

import asyncio

import pytest

from tests.contract.harness.gated_store import GatedStore
from tests.contract.harness.logs import FakeLog
from tests.contract.harness.pipeline import PARTITIONS
from tests.contract.harness.stores import fake_store, new_domain, unique
from tests.contract.harness.workers import (
    counted,
    events_of,
    open_worker,
    publish,
    truth,
    until_counted,
)
from tests.fakes.counter_store import InMemoryCounterStore, Outcome
from tests.fakes.log import InMemoryRecordSource
from tests.waiting import WAIT_SECONDS, until

FAULTS = [outcome for outcome in Outcome if outcome is not Outcome.ACKNOWLEDGED]


@pytest.fixture
def log() -> FakeLog:
    """A new log in memory."""
    return FakeLog(unique("contract"), PARTITIONS)


@pytest.mark.parametrize("fault", FAULTS)
async def test_counts_are_exact_whatever_becomes_of_a_write(log: FakeLog, fault: Outcome) -> None:
    """The worker says everything again in fresh rows, and none of the old ones is believed."""
    store = InMemoryCounterStore()
    reader = fake_store(store).reader
    domains = [new_domain() for _ in range(5)]
    events = events_of(domains)
    store.plan(Outcome.ACKNOWLEDGED, fault, fault, Outcome.ACKNOWLEDGED, fault)

    async with open_worker(log, store):
        for start in range(0, len(events), 10):
            await publish(log.topic, events[start : start + 10])
            await until_counted(reader, truth(events[: start + 10]))
            store.apply_late()

    store.apply_late()
    assert await counted(reader, domains) == truth(events)


@pytest.mark.parametrize("fault", FAULTS)
async def test_counts_are_exact_when_a_write_fails_and_the_worker_dies(
    log: FakeLog, fault: Outcome
) -> None:
    """The next worker starts from the rows that it finds; what surfaces later loses."""
    store = InMemoryCounterStore()
    reader = fake_store(store).reader
    domains = [new_domain() for _ in range(5)]
    events = events_of(domains)
    await publish(log.topic, events[:25])
    async with open_worker(log, store) as first:
        await until_counted(reader, truth(events[:25]))
        store.plan(*[fault] * 50)
        writes = len(store.writes)
        await publish(log.topic, events[25:])

        async def has_failed() -> bool:
            return len(store.writes) > writes

        await until(has_failed)
        await first.kill()
    store._planned.clear()

    async with open_worker(log, store):
        await until_counted(reader, truth(events))
        store.apply_late()

    assert await counted(reader, domains) == truth(events)


async def test_failed_reads_are_asked_again(log: FakeLog) -> None:
    """Until the rows of a domain are read, nothing of it is written."""
    store = InMemoryCounterStore()
    events = events_of([new_domain() for _ in range(5)])
    store.fail_reads(PARTITIONS)
    await publish(log.topic, events)

    async with open_worker(log, store):
        await until_counted(fake_store(store).reader, truth(events))


async def test_a_worker_whose_session_expired_changes_no_count(log: FakeLog) -> None:
    """It reads and writes on, unknowing, beside the one that has its partitions now."""
    store = InMemoryCounterStore()
    reader = fake_store(store).reader
    domains = [new_domain() for _ in range(10)]
    events = events_of(domains)
    async with open_worker(log, store) as zombie:
        await publish(log.topic, events[:30])
        await until_counted(reader, truth(events[:30]))
        assert isinstance(zombie.source, InMemoryRecordSource)
        zombie.source.expel()
        async with open_worker(log, store) as heir:
            await publish(log.topic, events[30:])

            async def both_have_read() -> bool:
                read = [w.records_read for w in (zombie, heir)]
                return read == [len(events), len(events)]

            await until(both_have_read)
            await until_counted(reader, truth(events))
        await zombie.stop()

    assert await counted(reader, domains) == truth(events)


async def test_a_slow_store_delays_a_stop_and_spoils_nothing(log: FakeLog) -> None:
    """The stop waits for the answers that are out."""
    store = GatedStore()
    events = events_of([new_domain() for _ in range(10)])
    await publish(log.topic, events)

    async with open_worker(log, store) as running:
        async with asyncio.timeout(WAIT_SECONDS):
            await store.asked.wait()
        running.told_to_stop.set()
        await asyncio.sleep(0)
        store.gate.set()
        await running.stop()

    assert await counted(fake_store(store).reader, truth(events)) == truth(events)
