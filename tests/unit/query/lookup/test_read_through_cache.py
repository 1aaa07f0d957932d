"""When a domain is read, and which answers are served without a read."""

import asyncio

import pytest

from query.lookup.answer import Answer
from shared.errors import NodeFullError, StoreUnavailableError
from shared.model.change import Change
from shared.model.counter import Counters
from shared.model.status import Status
from tests.unit.query.lookup.cache_world import GONE, A, B, C, Node, settle, started


async def test_an_answer_that_is_not_final_is_served_during_its_lifetime() -> None:
    """Then the domain is read again."""
    node = Node(a=Counters(1, 0))
    assert await node.delivered(A) == 1
    node.count(A, 2)
    node.clock.now += 0.99
    assert await node.delivered(A) == 1
    node.clock.now += 0.02
    assert await node.delivered(A) == 2
    assert node.reader.reads == [A, A]


async def test_the_age_of_an_answer_counts_from_the_start_of_its_read() -> None:
    """A slow read may be expired when it arrives."""
    node = Node(a=Counters(1, 0))
    hold = node.hold()
    get = await started(node.cache.get(A))
    node.clock.now += 1.5
    hold.set()
    assert (await get).delivered == 1
    await node.cache.get(A)
    assert len(node.reader.reads) == 2


async def test_a_lagging_replica_lowers_no_count() -> None:
    """The larger count of each kind stays."""
    node = Node(a=Counters(5, 0))
    await node.cache.get(A)
    node.count(A, 3)
    node.clock.now += 2
    assert await node.delivered(A) == 5


async def test_concurrent_requests_for_a_domain_share_one_read() -> None:
    """Both GET and bulk requests; another domain has a separate read."""
    node = Node(a=Counters(1, 0))
    hold = node.hold()
    gets = [await started(node.cache.get(A)) for _ in range(3)]
    bulk = await started(node.cache.get_many([A, B]))
    hold.set()
    assert [(await get).delivered for get in gets] == [1, 1, 1]
    assert (await bulk)[A] == await gets[0]
    assert node.reader.reads == [A, B]


async def test_a_cancelled_request_does_not_cancel_a_shared_read() -> None:
    """Neither a GET nor a bulk request."""
    node = Node(a=Counters(1, 0))
    hold = node.hold()
    gone = [await started(node.cache.get(A)), await started(node.cache.get_many([A]))]
    stays = await started(node.cache.get(A))
    for task in gone:
        task.cancel()
    await settle()
    hold.set()
    assert (await stays).delivered == 1
    assert all(task.cancelled() for task in gone)


async def test_a_failure_reaches_all_waiting_requests_and_is_not_stored() -> None:
    """The next request reads again."""
    node = Node(a=Counters(1, 0))
    node.reader.errors[A] = GONE
    hold = node.hold()
    gets = [await started(node.cache.get(A)) for _ in range(2)]
    hold.set()
    for get in gets:
        with pytest.raises(StoreUnavailableError):
            await get
    del node.reader.errors[A]
    assert await node.delivered(A) == 1


async def test_an_expired_answer_is_not_served_while_cassandra_is_away() -> None:
    """No answer is better than an old one."""
    node = Node(a=Counters(2000, 0))
    assert (await node.cache.get(A)).status is Status.CATCH_ALL
    node.reader.errors[A] = GONE
    node.clock.now += 1.01
    with pytest.raises(StoreUnavailableError):
        await node.cache.get(A)
    assert (await node.cache.get_many([A]))[A] is GONE


async def test_final_answers_are_served_while_cassandra_is_away() -> None:
    """By GET and in bulk, next to the errors of other domains."""
    node = Node(a=Counters(5, 1), b=Counters(1, 0))
    await node.cache.get_many([A, B])
    node.reader.errors = {A: GONE, B: GONE}
    node.clock.now += 1_000_000
    for _ in range(2):
        assert (await node.cache.get(A)).status is Status.NOT_CATCH_ALL
        await settle()
    found = await node.cache.get_many([A, B])
    assert isinstance(found[A], Answer)
    assert found[B] is GONE


async def test_a_bulk_request_never_has_outdated_counts_while_cassandra_can_be_read() -> None:
    """Not even for a final answer when this node has no room for the read."""
    node = Node(a=Counters(5, 1))
    await node.cache.get_many([A])
    node.clock.now += 2
    node.reader.errors[A] = full = NodeFullError("waited too long")
    assert (await node.cache.get_many([A]))[A] is full


async def test_a_bulk_request_reads_expired_final_answers_again() -> None:
    """Clients verify counts with it."""
    node = Node(a=Counters(5, 1))
    await node.cache.get_many([A])
    node.count(A, 6, 1)
    node.clock.now += 1.01
    found = (await node.cache.get_many([A]))[A]
    assert isinstance(found, Answer)
    assert found.delivered == 6


async def test_one_failed_domain_of_a_bulk_request_fails_alone() -> None:
    """Each domain has a separate outcome."""
    node = Node(a=Counters(1, 0), c=Counters(3, 0))
    node.reader.errors[B] = GONE
    found = await node.cache.get_many([A, B, C])
    assert found[B] is GONE
    assert [getattr(found[domain], "delivered", None) for domain in (A, C)] == [1, 3]


async def test_a_bulk_request_that_does_not_fit_is_refused_before_any_read() -> None:
    """Fresh answers need no room."""
    node = Node()
    await node.cache.get_many([A])
    node.reader.room = 1
    with pytest.raises(NodeFullError):
        await node.cache.get_many([A, B, C])
    assert len(await node.cache.get_many([A, B])) == 2
    assert node.reader.reads == [A, B]


async def test_a_full_node_refuses_only_new_reads() -> None:
    """Fresh and final answers and reads in flight still work."""
    node = Node(a=Counters(1, 0), b=Counters(1, 1))
    await node.cache.get_many([A, B])
    hold = node.hold()
    reading = await started(node.cache.get(C))
    node.reader.room, node.reader.idle = 0, False
    joining = await started(node.cache.get(C))
    assert await node.delivered(A) == 1
    node.clock.now += 2
    assert await node.delivered(B) == 1
    with pytest.raises(NodeFullError):
        await node.cache.get(A)
    hold.set()
    assert (await joining) == (await reading)


async def test_get_fresh_does_not_use_an_earlier_read() -> None:
    """It waits for that read, and shares the next one."""
    node = Node(a=Counters(1, 0))
    hold = node.hold()
    get = await started(node.cache.get(A))
    node.count(A, 2)
    fresh = [await started(node.cache.get_fresh(A)) for _ in range(3)]
    assert node.reader.reads == [A]
    hold.set()
    assert (await get).delivered == 1
    assert [(await task).delivered for task in fresh] == [2, 2, 2]
    assert node.reader.reads == [A, A]


async def test_get_fresh_reads_again_and_stores_the_answer() -> None:
    """The next GET is served from memory."""
    node = Node(a=Counters(1, 0))
    await node.cache.get(A)
    node.count(A, 2)
    assert (await node.cache.get_fresh(A)).delivered == 2
    assert await node.delivered(A) == 2
    assert len(node.reader.reads) == 2


async def test_a_bounce_changes_the_answer_at_once() -> None:
    """The counts are read in the background."""
    node = Node(a=Counters(7, 0))
    await node.cache.get(A)
    node.count(A, 9, 1)
    node.cache.invalidate(Change(A, "log/0", Counters(2, 1), 0))
    hold = node.hold()
    answer = await node.cache.get(A)
    assert (answer.status, answer.delivered) == (Status.NOT_CATCH_ALL, 7)
    hold.set()
    await settle()
    assert await node.delivered(A) == 9


async def test_a_change_to_catch_all_makes_the_next_request_read() -> None:
    """Although the answer in memory was fresh."""
    node = Node(a=Counters(7, 0))
    await node.cache.get(A)
    node.count(A, 2000)
    node.cache.invalidate(Change(A, "log/0", Counters(1500, 0), 0))
    assert (await node.cache.get(A)).delivered == 2000


@pytest.mark.parametrize("later", [Counters(9, 1), Counters(3, 0)])
async def test_a_change_during_a_read_is_not_lost(later: Counters) -> None:
    """The read may be older than the change: a bounce stays, any other change is read again."""
    node = Node(a=Counters(7, 0))
    hold = node.hold()
    get = await started(node.cache.get(A))
    node.cache.invalidate(Change(A, "log/0", later, 0))
    node.cache.invalidate(Change(A, "log/1", Counters(1200, 0), 0))
    hold.set()
    assert (await get).is_final == (later.bounced > 0)
    node.count(A, 20, later.bounced)
    await node.cache.get(A)
    await settle()
    assert await node.delivered(A) == 20


async def test_a_change_of_an_unknown_domain_is_not_stored() -> None:
    """The counters of one partition are not those of the domain; the first request reads it."""
    node = Node(a=Counters(7, 1))
    node.cache.invalidate(Change(A, "log/0", Counters(2, 1), 0))
    assert node.cache.get_cached(A) is None
    assert await node.delivered(A) == 7


async def test_closing_cancels_the_reads_in_flight() -> None:
    """Also a read that is never answered."""
    node = Node()
    node.hold()
    get = await started(node.cache.get(A))
    await node.cache.close()
    with pytest.raises(asyncio.CancelledError):
        await get
