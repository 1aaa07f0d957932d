"""Which records are changes, and with which answer."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from shared.model.change import Change
from shared.model.counter import Counters
from shared.model.domain import DomainName
from tests.fakes.answers import THRESHOLD
from tests.unit.query.changes.change_world import (
    append,
    bounced,
    catch_all,
    once_each,
    start_world,
)

ALL, NOT = "catch-all", "not catch-all"
A = DomainName("a.example")


async def test_a_bounce_is_sent_without_a_read() -> None:
    """A bounce is final, even while Cassandra does not answer."""
    world = start_world()
    listener = world.listen()
    world.answers.away = True
    await append(world.topic, 0, bounced(A))
    await world.read_all()
    assert listener.changes == [(A, NOT)]
    assert world.answers.reads == []


async def test_a_bounce_is_sent_from_the_record_if_nothing_else_is_known() -> None:
    """Neither an empty cache nor a failing store delays a final status."""
    world = start_world()
    listener = world.listen()
    world.answers.forgetful = True
    await append(world.topic, 0, bounced(A))
    await world.read_all()
    world.answers.away = True
    await append(world.topic, 0, bounced("b.example"))
    await world.read_all()
    assert listener.changes == [(A, NOT), ("b.example", NOT)]
    assert '"delivered":5,"bounced":1' in listener.transport.blocks[-1]


async def test_catch_all_is_sent_with_the_counts_of_the_store() -> None:
    """The store has the counts of all partitions, the record those of one."""
    world = start_world()
    listener = world.listen()
    world.answers.counters[A] = Counters(4321, 0)
    await append(world.topic, 0, Change(A, "log/0", Counters(600, 0), 0))
    await world.read_all()
    assert listener.changes == [(A, ALL)]
    assert '"delivered":4321' in listener.transport.blocks[-1]


async def test_catch_all_that_is_not_true_is_not_sent() -> None:
    """Below this node's threshold, or bounced since: then the bounce has a separate record."""
    world = start_world()
    listener = world.listen()
    world.answers.counters = {
        A: Counters(THRESHOLD, 0),
        DomainName("b.example"): Counters(THRESHOLD + 1, 1),
    }
    await append(world.topic, 0, catch_all(A), catch_all("b.example"))
    await world.read_all()
    assert listener.changes == []
    assert listener.last_id == "2"


async def test_records_behind_an_unverified_change_wait() -> None:
    """While the store is away one partition stays; the others continue."""
    world = start_world(2)
    listener = world.listen()
    world.answers.counters[A] = Counters(THRESHOLD + 1, 0)
    world.answers.away = True
    await append(world.topic, 0, catch_all(A), bounced("b.example"))
    await append(world.topic, 1, bounced("c.example"))
    reading = asyncio.create_task(world.read(0))
    while not world.answers.reads:
        await asyncio.sleep(0)
    await world.read(1)
    world.feed.flush()
    assert (listener.changes, listener.last_id) == ([("c.example", NOT)], "0.1")
    world.answers.away = False
    await reading
    world.feed.flush()
    assert listener.changes[1:] == [(A, ALL), ("b.example", NOT)]


Step = tuple[str, bool, bool]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=30),
    st.integers(1, 8),
)
def test_no_change_is_sent_twice_or_in_the_wrong_order(steps: list[Step], at_once: int) -> None:
    """Whatever workers write: duplicates, outdated changes of frozen workers, true changes.

    A step counts deliveries or a bounce of a domain, and appends the true or an outdated change.
    In the end the client has the true status of every domain.
    """

    async def story() -> None:
        world = start_world()
        listener = world.listen()
        written: dict[DomainName, str] = {}
        for number, (letter, is_bounce, is_zombie) in enumerate(steps):
            domain = DomainName(f"{letter}.example")
            known = world.answers.counters.get(domain, Counters())
            if is_bounce and not is_zombie:
                world.answers.counters[domain] = Counters(known.delivered, known.bounced + 1)
                written[domain] = NOT
                await append(world.topic, 0, bounced(domain))
            else:
                if not is_zombie:
                    world.answers.counters[domain] = Counters(THRESHOLD + 1, known.bounced)
                    written.setdefault(domain, ALL)
                await append(world.topic, 0, catch_all(domain))
            if number % at_once == 0:
                await world.read_all()
        await world.read_all()
        assert once_each(listener.changes)
        assert dict(listener.changes) == written

    asyncio.run(story())
