"""Which answers are read again in the background."""

import pytest
from structlog.testing import capture_logs

from query.lookup.refresher import MAX_DOMAINS
from shared.model.counter import Counters
from shared.model.domain import DomainName
from tests.unit.query.lookup.cache_world import GONE, A, B, Node, settle


async def test_a_final_answer_is_served_at_once_and_read_in_the_background() -> None:
    """The next request has the new counts; all requests together cause one read."""
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


async def test_a_fresh_final_answer_is_not_read_again() -> None:
    """Its lifetime is that of other answers."""
    node = Node(a=Counters(5, 1))
    await node.cache.get(A)
    node.clock.now += 0.9
    await node.cache.get(A)
    await settle()
    assert node.reader.reads == [A]


async def test_a_request_late_in_the_lifetime_starts_a_read() -> None:
    """No request waits, and the next second has the new counts."""
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


async def test_a_domain_read_meanwhile_is_not_read_again() -> None:
    """The refresher checks what is due when it starts the reads."""
    node = Node(a=Counters(1, 0))
    await node.cache.get(A)
    node.clock.now += 0.85
    await node.cache.get(A)
    await node.cache.get_fresh(A)
    await settle()
    assert node.reader.reads == [A, A]


async def test_nothing_is_refreshed_while_other_reads_wait() -> None:
    """The counts of a final answer can wait."""
    node = Node(a=Counters(5, 1))
    await node.cache.get(A)
    node.clock.now += 2
    node.reader.idle = False
    await node.cache.get(A)
    await settle()
    assert node.reader.reads == [A]


async def test_domains_due_together_are_read_together() -> None:
    """In one turn, so that the reader combines them into one request."""
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


async def test_one_turn_reads_no_more_than_one_round_of_requests() -> None:
    """A GET that waits for one of these reads must not wait behind thousands."""
    domains = [DomainName(f"d{number}.example") for number in range(2 * MAX_DOMAINS)]
    node = Node(**{f"d{number}": Counters(5, 1) for number in range(2 * MAX_DOMAINS)})
    for domain in domains:
        await node.cache.get(domain)
    node.clock.now += 2
    for domain in domains:
        await node.cache.get(domain)
    await settle()
    assert len(node.reader.reads) == 3 * MAX_DOMAINS


@pytest.mark.parametrize(
    ("error", "logged"), [(GONE, []), (TypeError("a defect"), ["a read failed"])]
)
async def test_a_defect_in_a_read_that_no_request_waits_for_is_logged(
    error: Exception, logged: list[str]
) -> None:
    """An outage of Cassandra is not: the next request for the domain reports it."""
    node = Node(a=Counters(5, 1))
    await node.cache.get(A)
    node.clock.now += 2
    node.reader.errors[A] = error
    with capture_logs() as logs:
        await node.cache.get(A)
        await settle()
    assert node.reader.reads == [A, A]
    assert [each["event"] for each in logs] == logged


async def test_a_closed_cache_starts_no_read() -> None:
    """The gathered domains are dropped."""
    node = Node(a=Counters(5, 1))
    await node.cache.get(A)
    node.clock.now += 2
    await node.cache.get(A)
    await node.cache.close()
    await settle()
    assert node.reader.reads == [A]


async def test_a_dropped_refresh_happens_at_the_next_request() -> None:
    """A node that was full for a while loses nothing."""
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
