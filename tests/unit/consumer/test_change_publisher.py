"""How changes get into their topic, however many partitions of a worker publish at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from consumer.kafka.change_publisher import ChangeTopic
from shared.errors import BrokerUnavailableError, OutcomeUnknownError
from shared.model.change import Change, encode
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.partitioning import partition_of
from tests.fakes.topic import InMemoryTopic

PARTITIONS = 4
CHANGES = [
    Change(DomainName(f"{name}.example"), "events/0", Counters(0, 1), appended_at=1)
    for name in "abcdefgh"
]


@asynccontextmanager
async def serving(topic: InMemoryTopic) -> AsyncIterator[ChangeTopic]:
    """Yield the publisher to *topic*, at work."""
    changes = ChangeTopic(topic)
    running = asyncio.ensure_future(changes.run())
    await asyncio.sleep(0)
    try:
        yield changes
    finally:
        running.cancel()
        await asyncio.wait({running})


async def let_it_come() -> None:
    """Let every task get as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_each_change_goes_to_the_partition_of_its_domain() -> None:
    """In one batch per partition, in the order given."""
    topic = InMemoryTopic(PARTITIONS)
    async with serving(topic) as changes:
        await changes.publish(CHANGES)
    expected = {
        p: [encode(c) for c in CHANGES if partition_of(c.domain, PARTITIONS) == p]
        for p in range(PARTITIONS)
    }
    assert dict(topic.stored) == {p: records for p, records in expected.items() if records}


@pytest.mark.parametrize("error", [BrokerUnavailableError("no"), OutcomeUnknownError("who knows")])
async def test_a_failure_is_for_the_caller_to_repeat(error: Exception) -> None:
    """Whether or not it may be stored: twice does no harm."""
    topic = InMemoryTopic()
    topic.fail(error)  # type: ignore[arg-type] # either is retriable
    async with serving(topic) as changes:
        with pytest.raises(type(error)):
            await changes.publish(CHANGES)
        await changes.publish(CHANGES)
    assert topic.stored[-1] == (0, [encode(change) for change in CHANGES])


async def test_two_partitions_of_a_worker_never_append_to_one_at_once() -> None:
    """The second waits for the first, also when nobody waits for the first any more."""
    topic = InMemoryTopic()
    topic.hold()
    async with serving(topic) as changes:
        first = asyncio.ensure_future(changes.publish(CHANGES[:1]))
        await let_it_come()
        first.cancel()
        second = asyncio.ensure_future(changes.publish(CHANGES[1:2]))
        await let_it_come()
        assert len(topic.appends) == 1
        topic.release()
        await second
    assert [records for _, records in topic.stored] == [[encode(c)] for c in CHANGES[:2]]
    assert first.cancelled()


async def test_an_outage_is_logged_when_it_begins_and_when_it_ends() -> None:
    """Not each failure."""
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
        "changes cannot be published, and wait",
        "changes are published again",
    ]
