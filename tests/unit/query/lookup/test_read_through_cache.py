"""When a domain is read, and what is answered meanwhile."""

import asyncio

import pytest

from query.lookup.answer import Answer
from shared.errors import NodeFullError, StoreUnavailableError
from shared.model.change import Change
from shared.model.counter import Counters
from shared.model.status import Status
from tests.unit.query.lookup.cache_world import GONE, A, B, C, Node, settle, started


async def test_an_answer_that_is_not_final_is_given_again_for_its_time_only() -> None:
    """Then the domain is read anew."""
    node = Node(a=Counters(1, 0))
    assert await node.delivered(A) == 1
    node.count(A, 2)
    node.clock.now += 0.99
    assert await node.delivered(A) == 1
    node.clock.now += 0.02
    assert await node.delivered(A) == 2
    assert node.reader.reads == [A, A]


async def test_the_time_of_a_slow_read_is_part_of_its_age() -> None:
    """What was read a second ago is not fresh, however late it came."""
    node = Node(a=Counters(1, 0))
    hold = node.hold()
    get = await started(node.cache.get(A))
    node.clock.now += 1.5
    hold.set()
    assert (await get).delivered == 1
    await node.cache.get(A)
    assert len(node.reader.reads) == 2


async def test_a_replica_that_lags_lowers_nothing() -> None:
    """The larger count of each kind stands."""
    node = Node(a=Counters(5, 0))
    await node.cache.get(A)
    node.count(A, 3)
    node.clock.now += 2
    assert await node.delivered(A) == 5


async def test_all_who_ask_for_a_domain_meanwhile_share_one_read() -> None:
    """GET and bulk alike; another domain has a read of its own."""
    node = Node(a=Counters(1, 0))
    hold = node.hold()
    gets = [await started(node.cache.get(A)) for _ in range(3)]
    bulk = await started(node.cache.get_many([A, B]))
    hold.set()
    assert [(await get).delivered for get in gets] == [1, 1, 1]
    assert (await bulk)[A] == await gets[0]
    assert node.reader.reads == [A, B]


async def test_who_is_gone_takes_the_read_from_nobody() -> None:
    """Neither a GET nor a bulk request that is cancelled."""
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


async def test_a_failure_is_told_to_all_who_wait_and_not_kept() -> None:
    """The next one reads again."""
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


async def test_what_is_not_final_is_not_given_beyond_its_time_even_if_nothing_else_is_there() -> (
    None
):
    """No answer is better than an old one."""
    node = Node(a=Counters(2000, 0))
    assert (await node.cache.get(A)).status is Status.CATCH_ALL
    node.reader.errors[A] = GONE
    node.clock.now += 1.01
    with pytest.raises(StoreUnavailableError):
        await node.cache.get(A)
    assert (await node.cache.get_many([A]))[A] is GONE


async def test_final_answers_go_on_without_cassandra() -> None:
    """By GET and in bulk, beside the errors of the others."""
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
    """Not even of a final answer, and for want of room on this node."""
    node = Node(a=Counters(5, 1))
    await node.cache.get_many([A])
    node.clock.now += 2
    node.reader.errors[A] = full = NodeFullError("waited too long")
    assert (await node.cache.get_many([A]))[A] is full


async def test_a_bulk_request_reads_final_answers_anew_once_they_are_no_longer_fresh() -> None:
    """Clients verify counts by it."""
    node = Node(a=Counters(5, 1))
    await node.cache.get_many([A])
    node.count(A, 6, 1)
    node.clock.now += 1.01
    found = (await node.cache.get_many([A]))[A]
    assert isinstance(found, Answer)
    assert found.delivered == 6


async def test_one_failure_spoils_no_other_of_a_bulk_request() -> None:
    """Each domain has its own outcome."""
    node = Node(a=Counters(1, 0), c=Counters(3, 0))
    node.reader.errors[B] = GONE
    found = await node.cache.get_many([A, B, C])
    assert found[B] is GONE
    assert [getattr(found[domain], "delivered", None) for domain in (A, C)] == [1, 3]


async def test_a_bulk_request_that_does_not_fit_is_refused_before_any_read() -> None:
    """What is fresh needs no room."""
    node = Node()
    await node.cache.get_many([A])
    node.reader.room = 1
    with pytest.raises(NodeFullError):
        await node.cache.get_many([A, B, C])
    assert len(await node.cache.get_many([A, B])) == 2
    assert node.reader.reads == [A, B]


async def test_a_full_node_refuses_what_it_would_have_to_read_and_nothing_else() -> None:
    """What is fresh, final, or being read already goes on."""
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


async def test_fresh_does_not_take_a_read_that_began_before_it() -> None:
    """It waits for that one, and shares the next."""
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


async def test_fresh_reads_what_is_fresh_and_keeps_what_it_reads() -> None:
    """The next GET has it."""
    node = Node(a=Counters(1, 0))
    await node.cache.get(A)
    node.count(A, 2)
    assert (await node.cache.get_fresh(A)).delivered == 2
    assert await node.delivered(A) == 2
    assert len(node.reader.reads) == 2


async def test_a_bounce_that_is_heard_is_answered_at_once() -> None:
    """Nothing is read before it; the counts are read behind it."""
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


async def test_a_catch_all_that_is_heard_is_read_by_the_next_one() -> None:
    """Though what is known would have been fresh."""
    node = Node(a=Counters(7, 0))
    await node.cache.get(A)
    node.count(A, 2000)
    node.cache.invalidate(Change(A, "log/0", Counters(1500, 0), 0))
    assert (await node.cache.get(A)).delivered == 2000


@pytest.mark.parametrize("later", [Counters(9, 1), Counters(3, 0)])
async def test_news_that_come_during_a_read_are_not_lost_by_it(later: Counters) -> None:
    """It may have seen what was before: a bounce stands, all else is read again."""
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


async def test_news_of_what_nobody_asked_for_take_no_memory() -> None:
    """One log's counters are not the domain's, so the first who asks has it read."""
    node = Node(a=Counters(7, 1))
    node.cache.invalidate(Change(A, "log/0", Counters(2, 1), 0))
    assert node.cache.get_cached(A) is None
    assert await node.delivered(A) == 7


async def test_a_node_that_ends_leaves_no_read_behind() -> None:
    """Not even one that is never answered."""
    node = Node()
    node.hold()
    get = await started(node.cache.get(A))
    await node.cache.close()
    with pytest.raises(asyncio.CancelledError):
        await get
