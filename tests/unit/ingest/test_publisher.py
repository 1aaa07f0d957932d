"""Group commit: the content of a batch, and the outcome of its events."""

import asyncio
from contextlib import suppress

import pytest

from ingest.event_sums import EventSums
from shared.errors import BrokerUnavailableError, NodeFullError, OutcomeUnknownError
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.partitioning import partition_of
from tests.unit.ingest.publisher_node import BOUNCED, A, B, Node, open_node, until


async def test_an_event_is_acknowledged_once_it_is_stored() -> None:
    """The outcome is None, and not before the topic has acknowledged."""
    async with open_node() as node:
        node.topic.hold()
        answer = node.publish(A)
        await until(lambda: len(node.topic.appends) == 1)
        assert not answer.done()
        node.topic.release()
        assert await answer is None
        assert node.topic.stored == node.topic.appends


async def test_events_that_arrive_during_a_batch_form_the_next_one() -> None:
    """The batch size follows the load: nothing lingers, and nothing overtakes."""
    async with open_node() as node:
        node.topic.hold()
        first = node.publish(A)
        await until(lambda: len(node.topic.appends) == 1)
        second, third = node.publish(BOUNCED), node.publish(B)
        assert second is third
        assert second is not first
        node.topic.release()
        assert [await first, await second] == [None, None]
        assert node.sent() == [[A], [B, BOUNCED]]


async def test_partitions_do_not_wait_for_each_other() -> None:
    """Each partition has a separate batch in flight, with its domains."""
    async with open_node(partitions=2) as node:
        node.topic.hold()
        low, high = (
            next(
                e
                for n in range(99)
                if partition_of((e := Event(DomainName(f"d{n}.example"), A.kind)).domain, 2) == p
            )
            for p in (0, 1)
        )
        assert node.publish(low) is not node.publish(high)
        await until(lambda: len(node.topic.appends) == 2)
        assert sorted(partition for partition, _ in node.topic.appends) == [0, 1]


async def test_events_without_a_key_are_added_up_per_domain_and_kind() -> None:
    """A busy domain costs one record per batch, with the same total."""
    async with open_node() as node:
        for event in (A, A, BOUNCED, Event(A.domain, A.kind, count=5), B):
            node.publish(event)
        answer = node.publish(BOUNCED)
        assert await answer is None
        (batch,) = node.sent()
        assert batch == [
            Event(A.domain, A.kind, count=7),
            B,
            Event(A.domain, EventKind.BOUNCED, count=2),
        ]


async def test_events_with_a_key_stay_separate() -> None:
    """Only the worker can detect duplicates, so each is one record."""
    keyed = [Event(A.domain, A.kind, 2, key) for key in ("k1", "k1", "k2")]
    async with open_node() as node:
        for event in (*keyed, A):
            answer = node.publish(event)
        await answer
        (batch,) = node.sent()
        assert sorted(batch, key=lambda e: e.idempotency_key or "") == [A, *keyed]


@pytest.mark.parametrize(
    "error", [BrokerUnavailableError("refused"), OutcomeUnknownError("no answer")]
)
async def test_an_error_reaches_every_event_of_its_batch_only(
    error: BrokerUnavailableError | OutcomeUnknownError,
) -> None:
    """The next batch has a separate outcome."""
    async with open_node() as node:
        node.topic.hold()
        node.topic.fail(error)
        waiting = [node.publish(A), node.publish(B)]
        await until(lambda: len(node.topic.appends) == 1)
        next_batch = node.publish(A)
        node.topic.release()
        assert [await answer for answer in waiting] == [error, error]
        assert await next_batch is None


async def test_a_defect_ends_the_publisher_and_resolves_all_events() -> None:
    """Their outcome is unknown, and the defect ends the process."""
    node = Node(1)
    running = asyncio.create_task(node.publisher.run())
    node.topic.fail(ValueError("the batch is larger than it may be"))
    assert isinstance(await node.publish(A), OutcomeUnknownError)
    with pytest.raises(ExceptionGroup):
        await running


async def test_an_event_that_cannot_be_encoded_ends_the_publisher_too() -> None:
    """Its batch was never sent, and its requests learn that."""
    node = Node(1)
    answer = node.publish(Event(DomainName("bücher.example"), A.kind))
    with pytest.RaisesGroup(UnicodeEncodeError):
        await node.publisher.run()
    assert answer.done()
    assert isinstance(await answer, NodeFullError)


async def test_a_cancelled_request_does_not_affect_its_batch() -> None:
    """The other requests of the batch get its outcome."""
    async with open_node() as node:
        node.topic.hold()

        async def wait() -> object:
            return await node.publish(A)

        leaving, staying = asyncio.create_task(wait()), asyncio.create_task(wait())
        await until(lambda: len(node.topic.appends) == 1)
        leaving.cancel()
        await asyncio.sleep(0)
        node.topic.release()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert await staying is None


async def test_a_stopped_publisher_resolves_all_events() -> None:
    """A waiting request cannot be cancelled, so its process would never end."""
    async with open_node() as node:
        node.topic.hold()
        out = node.publish(A)
        await until(lambda: len(node.topic.appends) == 1)
        still_open = node.publish(B)
    assert out.done()
    assert still_open.done()


async def test_the_events_of_several_requests_share_a_group() -> None:
    """Their sums are merged: one record per domain and kind."""
    keyed = Event(A.domain, A.kind, 2, "k1")
    many = EventSums(delivered={A.domain: 5, B.domain: 1}, bounced={A.domain: 2}, keyed=[keyed])
    async with open_node() as node:
        first, answer = node.publish(A), node.publisher.publish_sums(0, many)
        assert first is answer is node.publish(BOUNCED)
        assert await answer is None
        (batch,) = node.sent()
        assert batch == [
            Event(A.domain, A.kind, 6),
            B,
            Event(A.domain, EventKind.BOUNCED, 3),
            keyed,
        ]
        assert many.delivered == {A.domain: 5, B.domain: 1}


async def test_a_batch_never_exceeds_the_limit_of_an_append() -> None:
    """The open group has a separate limit of bytes, below that of the node."""
    keyed = Event(DomainName("a" * 60 + ".example"), A.kind, idempotency_key="k" * 255)
    async with open_node() as node:
        added = 0
        with suppress(NodeFullError):
            while True:
                node.publish(keyed)
                added += 1
        assert 5_000 < added < 100_000
        await until(lambda: len(node.topic.appends) == 1)
        (_, records) = node.topic.appends[0]
        assert len(records) == added
        assert sum(len(key) + len(value) + 32 for key, value in records) <= 2 * 1024 * 1024


async def test_a_partition_with_a_slow_batch_refuses_events() -> None:
    """At once, until Kafka has answered."""
    async with open_node() as node:
        node.topic.hold()
        node.publish(A)
        await until(lambda: len(node.topic.appends) == 1)
        node.now += 2.0
        waiting = node.publish(B)
        node.now += 0.1
        with pytest.raises(NodeFullError, match="slow"):
            node.publish(B)
        node.topic.release()
        assert await waiting is None
        assert await node.publish(B) is None


async def test_a_draining_node_accepts_nothing_and_answers_the_rest() -> None:
    """The drain ends when all events in flight are answered, including the open group."""
    async with open_node() as node:
        node.topic.hold()
        out = node.publish(A)
        await until(lambda: len(node.topic.appends) == 1)
        still_open = node.publish(B)
        draining = asyncio.create_task(node.publisher.drain(within_seconds=5.0))
        await asyncio.sleep(0)
        with pytest.raises(NodeFullError, match="stopping"):
            node.publish(A)
        assert not draining.done()
        node.topic.release()
        assert await draining
        assert [await out, await still_open] == [None, None]


async def test_an_idle_node_drains_at_once() -> None:
    """Nothing is in flight."""
    async with open_node() as node:
        assert await node.publisher.drain(within_seconds=0.0)


async def test_a_drain_that_times_out_returns_false() -> None:
    """It ends at its deadline although Kafka does not answer."""
    async with open_node() as node:
        node.topic.hold()
        node.publish(A)
        await until(lambda: len(node.topic.appends) == 1)
        assert not await node.publisher.drain(within_seconds=0.01)
        node.topic.release()
