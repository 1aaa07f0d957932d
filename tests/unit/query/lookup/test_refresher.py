"""What is read again while nobody waits for it."""

from query.lookup.refresher import MAX_DOMAINS
from shared.model.counter import Counters
from shared.model.domain import DomainName
from tests.unit.query.lookup.cache_world import A, B, Node, settle


async def test_a_final_answer_is_given_at_once_and_its_counts_are_read_behind_it() -> None:
    """They converge with the next look, by one read however many ask."""
    node = Node(a=Counters(5, 1))
    await node.cache.get(A)
    node.count(A, 9, 2)
    node.clock.now += 1.01
    hold = node.hold()
    assert [await node.delivered(A) for _ in range(3)] == [5, 5, 5]
    hold.set()
    await settle()
    assert await node.delivered(A) == 9
    assert node.reader.reads == [A, A]


async def test_a_final_answer_that_is_fresh_is_not_read_again() -> None:
    """The time is the same as for the others."""
    node = Node(a=Counters(5, 1))
    await node.cache.get(A)
    node.clock.now += 0.9
    await node.cache.get(A)
    await settle()
    assert node.reader.reads == [A]


async def test_who_asks_late_in_an_answers_time_has_it_read_before_it_is_over() -> None:
    """Nobody waits, however many ask, and the next second has what was read."""
    node = Node(a=Counters(1, 0))
    await node.cache.get(A)
    node.count(A, 2)
    node.clock.now += 0.85
    hold = node.hold()
    assert [await node.delivered(A) for _ in range(3)] == [1, 1, 1]
    await settle()
    assert node.reader.reads == [A, A]
    assert await node.delivered(A) == 1
    hold.set()
    await settle()
    node.clock.now += 0.5
    assert await node.delivered(A) == 2
    assert node.reader.reads == [A, A]


async def test_what_was_read_meanwhile_is_not_read_again() -> None:
    """A request that gathers reads looks again at what is due."""
    node = Node(a=Counters(1, 0))
    await node.cache.get(A)
    node.clock.now += 0.85
    await node.cache.get(A)
    await node.cache.get_fresh(A)
    await settle()
    assert node.reader.reads == [A, A]


async def test_no_read_goes_behind_an_answer_while_others_wait_to_be_read() -> None:
    """A final answer can wait for its counts."""
    node = Node(a=Counters(5, 1))
    await node.cache.get(A)
    node.clock.now += 2
    node.reader.idle = False
    await node.cache.get(A)
    await settle()
    assert node.reader.reads == [A]


async def test_what_is_due_together_is_read_together() -> None:
    """By one turn, as the reader makes one request of it."""
    node = Node(a=Counters(5, 1), b=Counters(5, 1))
    for domain in (A, B):
        await node.cache.get(domain)
    node.clock.now += 2
    hold = node.hold()
    for domain in (A, B):
        await node.cache.get(domain)
    assert node.reader.reads == [A, B]
    await settle()
    assert sorted(node.reader.reads[2:]) == [A, B]
    hold.set()


async def test_no_more_is_read_than_goes_out_at_once() -> None:
    """A GET that comes to need one of these reads must not stand behind thousands."""
    domains = [DomainName(f"d{number}.example") for number in range(2 * MAX_DOMAINS)]
    node = Node(**{f"d{number}": Counters(5, 1) for number in range(2 * MAX_DOMAINS)})
    for domain in domains:
        await node.cache.get(domain)
    node.clock.now += 2
    for domain in domains:
        await node.cache.get(domain)
    await settle()
    assert len(node.reader.reads) == 3 * MAX_DOMAINS


async def test_a_node_that_ends_begins_no_read() -> None:
    """What was gathered is forgotten."""
    node = Node(a=Counters(5, 1))
    await node.cache.get(A)
    node.clock.now += 2
    await node.cache.get(A)
    await node.cache.close()
    await settle()
    assert node.reader.reads == [A]


async def test_what_the_reader_has_no_room_for_is_read_when_it_is_asked_for_again() -> None:
    """A node that is full for a while loses nothing by it."""
    node = Node(a=Counters(5, 1))
    await node.cache.get(A)
    node.clock.now += 2
    node.reader.room = 0
    await node.cache.get(A)
    await settle()
    assert node.reader.reads == [A]
    node.reader.room = 1
    await node.cache.get(A)
    await settle()
    assert node.reader.reads == [A, A]
