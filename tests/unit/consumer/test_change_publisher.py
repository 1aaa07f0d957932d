"""How the partitions of a worker publish changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from consumer.kafka.change_publisher import ChangeTopic
from shared.errors import BrokerUnavailableError, OutcomeUnknownError
from shared.model.change import Change, encode_change
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.partitioning import DEFAULT_BUCKETS, partition_of
from tests.fakes.topic import InMemoryTopic

PARTITIONS = 4
CHANGES = [
    Change(DomainName(f"{name}.example"), "events/0", Counters(0, 1), appended_at=1)
    for name in "abcdefgh"
]


@asynccontextmanager
async def serving(topic: InMemoryTopic) -> AsyncIterator[ChangeTopic]:
    """Yield a running publisher for *topic*."""
    changes = ChangeTopic(topic, DEFAULT_BUCKETS)
    running = asyncio.ensure_future(changes.run())
    await asyncio.sleep(0)
    try:
        yield changes
    finally:
        running.cancel()
        await asyncio.wait({running})


async def run_tasks() -> None:
    """Let every task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_each_change_goes_to_the_partition_of_its_domain() -> None:
    """There is one batch per partition, in the given order."""
    topic = InMemoryTopic(PARTITIONS)
    async with serving(topic) as changes:
        await changes.publish(CHANGES)
    expected = {
        p: [encode_change(c) for c in CHANGES if partition_of(c.domain, PARTITIONS) == p]
        for p in range(PARTITIONS)
    }
    assert dict(topic.stored) == {p: records for p, records in expected.items() if records}


@pytest.mark.parametrize("error", [BrokerUnavailableError("no"), OutcomeUnknownError("who knows")])
async def test_a_failure_is_raised_to_the_caller(error: Exception) -> None:
    """The caller repeats it: a change that is stored twice does no harm."""
    topic = InMemoryTopic()
    topic.fail(error)  # type: ignore[arg-type] # either is retriable
    async with serving(topic) as changes:
        with pytest.raises(type(error)):
            await changes.publish(CHANGES)
        await changes.publish(CHANGES)
    assert topic.stored[-1] == (0, [encode_change(change) for change in CHANGES])


async def test_two_partitions_of_a_worker_never_append_to_one_at_once() -> None:
    """The second append waits for the first, even if the caller of the first is cancelled."""
    topic = InMemoryTopic()
    topic.hold()
    async with serving(topic) as changes:
        first = asyncio.ensure_future(changes.publish(CHANGES[:1]))
        await run_tasks()
        first.cancel()
        second = asyncio.ensure_future(changes.publish(CHANGES[1:2]))
        await run_tasks()
        assert len(topic.appends) == 1
        topic.release()
        await second
    assert [records for _, records in topic.stored] == [[encode_change(c)] for c in CHANGES[:2]]
    assert first.cancelled()


async def test_an_outage_is_logged_at_its_start_and_its_end() -> None:
    """Single failures are not logged."""
    topic = InMemoryTopic()
    topic.fail(*[BrokerUnavailableError("no leader")] * 3)
    async with serving(topic) as changes:
        with capture_logs() as logs:
            for _ in range(3):
                with pytest.raises(BrokerUnavailableError):
                    await changes.publish(CHANGES)
            await changes.publish(CHANGES)
            await changes.publish(CHANGES)
    assert [entry["event"] for entry in logs] == [
        "a topic refuses records",
        "a topic takes records again",
    ]
