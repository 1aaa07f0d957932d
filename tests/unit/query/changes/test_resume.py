"""What a client that comes back has missed, at whichever node."""

import asyncio
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query.config import ChangesSettings
from shared.model.counter import Counters
from shared.model.domain import DomainName
from tests.fakes.answers import THRESHOLD, InMemoryAnswerSource
from tests.fakes.change_topic import InMemoryChangeTopic
from tests.unit.query.changes.change_world import (
    Statuses,
    World,
    append,
    bounced,
    catch_all,
    once_each,
)

NOT = "not catch-all"
FORGETFUL = ChangesSettings(ring_bytes=1)


@pytest.mark.parametrize("kept", [ChangesSettings(), FORGETFUL], ids=["memory", "Kafka"])
async def test_what_was_missed_is_told_before_what_comes_next(kept: ChangesSettings) -> None:
    """Then the client is one of all: no gap, no repeat."""
    topic = InMemoryChangeTopic(2)
    world = World(topic, settings=kept)
    world.begin()
    await append(topic, 0, bounced("a.example"), bounced("b.example"))
    await append(topic, 1, bounced("c.example"))
    await world.read_all()
    listener = await world.resume("1.0")
    await append(topic, 0, bounced("d.example"))
    await world.read_all()
    assert [domain[0] for domain, _ in listener.changes] == ["b", "c", "d"]
    assert listener.last_id == "3.1"
    assert world.metric("catchall_change_replays_total") == (kept is FORGETFUL)


async def test_ids_are_where_the_client_is_not_where_the_node_was() -> None:
    """Another node read the partitions in another order: the client is between two of ours."""
    topic = InMemoryChangeTopic(2)
    world = World(topic)
    world.begin()
    await append(topic, 0, bounced("a.example"))
    await append(topic, 1, bounced("b.example"))
    await world.read_all()
    listener = await world.resume("0.1")
    assert listener.changes == [("a.example", NOT)]
    assert listener.transport.blocks[0].startswith("id: 1.1\ndata")


async def test_a_client_that_is_ahead_of_the_node_hears_nothing_twice() -> None:
    """It waits until the node is where the other one was."""
    topic = InMemoryChangeTopic(1)
    world = World(topic)
    world.begin()
    await append(topic, 0, bounced("a.example"), bounced("b.example"))
    await world.read(0, 1)
    listener = world.connect()
    resuming = asyncio.create_task(world.resumer.resume(listener.client, (2,)))
    await asyncio.sleep(0)
    await append(topic, 0, bounced("c.example"))
    await world.read_all()
    await resuming
    await append(topic, 0, bounced("d.example"))
    await world.read_all()
    assert [domain for domain, _ in listener.changes] == ["c.example", "d.example"]


async def test_gaps_of_the_compacted_log_are_passed() -> None:
    """The last offsets before the node's place may hold nothing any more."""
    topic = InMemoryChangeTopic(1)
    world = World(topic, settings=FORGETFUL)
    world.begin()
    await append(topic, 0, *(bounced(f"{letter}.example") for letter in "abcd"))
    await world.read_all()
    topic.records[0] = [topic.records[0][1]]
    listener = await world.resume("0")
    assert (listener.changes, listener.last_id) == ([("b.example", NOT)], "4")


@pytest.mark.parametrize(
    ("last_id", "reason"),
    [("0", "out_of_range"), ("1", "too_far_behind")],
)
async def test_who_cannot_be_told_all_has_to_read_anew(last_id: str, reason: str) -> None:
    """Before the log's beginning, or too far back; from then on it hears everything."""
    topic = InMemoryChangeTopic(1)
    records = 3 if reason == "too_far_behind" else 100
    world = World(topic, settings=ChangesSettings(ring_bytes=1, replay_records=records))
    world.begin()
    await append(topic, 0, *(bounced(f"{number}.a.example") for number in range(9)))
    await world.read_all()
    topic.start_offsets[0] = 1
    listener = await world.resume(last_id)
    await append(topic, 0, bounced("b.example"))
    await world.read_all()
    assert listener.kinds == ["resync"]
    assert listener.changes == [("b.example", NOT)]
    assert world.metric("catchall_change_resyncs_total", reason=reason) == 1


async def test_a_repeat_that_only_the_replay_knows_as_one_is_not_told() -> None:
    """The node began after the first record that said it, and took the second for news."""
    topic = InMemoryChangeTopic(1)
    world = World(topic)
    await append(topic, 0, bounced("a.example"), bounced("b.example"))
    world.begin(2)
    await append(topic, 0, bounced("a.example"))
    await world.read_all()
    listener = await world.resume("0")
    assert [domain for domain, _ in listener.changes] == ["a.example", "b.example"]
    # Another client heard of it elsewhere, and comes back between the two.
    other = await world.resume("2")
    assert (other.changes, other.last_id) == ([], "3")
    await append(topic, 0, bounced("b.example"), bounced("c.example"))
    await world.read_all()
    assert [domain[0] for domain, _ in listener.changes] == ["a", "b", "c"]


async def test_replays_are_bounded() -> None:
    """Whom history serves needs none."""
    world = World(InMemoryChangeTopic(1), settings=ChangesSettings(ring_bytes=1, max_replays=1))
    listener, replay = await world.begin_replay()
    assert world.resumer.has_room((2,))
    world.answers.away = False
    await replay
    assert world.resumer.has_room((0,))
    assert listener.last_id == "2"


Step = tuple[int, str, bool]


class Travels:
    """A client that moves between two nodes, each of which reads in an order of its own."""

    def __init__(self, ring_bytes: int, choose: Callable[[], float]) -> None:
        self.topic = InMemoryChangeTopic(3)
        self.answers = InMemoryAnswerSource()
        kept = ChangesSettings(ring_bytes=ring_bytes)
        self.nodes = [World(self.topic, self.answers, kept) for _ in range(2)]
        for node in self.nodes:
            node.begin()
        self.choose = choose
        self.heard: Statuses = []
        self.listener = self.nodes[0].listen()

    async def write(self, partition: int, domain: DomainName, *, is_bounce: bool) -> None:
        """Write a change, and let the nodes read as much as they like."""
        if not is_bounce:
            self.answers.counters[domain] = Counters(THRESHOLD + 1, 0)
        await append(self.topic, partition, bounced(domain) if is_bounce else catch_all(domain))
        for node in self.nodes:
            for at in range(3):
                if self.choose() < 0.4:
                    await node.read(at, 1 + int(3 * self.choose()))
            if self.choose() < 0.5:
                node.feed.flush()

    async def move(self) -> None:
        """Go to the other node, which knows all by then: else the client waits for it."""
        self.nodes.reverse()
        await self.nodes[0].read_all()
        self.heard += self.listener.changes
        self.listener = await self.nodes[0].resume(self.listener.last_id)

    async def end(self) -> Statuses:
        """Return all that the client has heard, once there is no more."""
        await self.nodes[0].read_all()
        return self.heard + self.listener.changes


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abcd"), st.booleans()), max_size=40),
    st.randoms(use_true_random=False),
    st.sampled_from([1, 1_500, 10**6]),
)
def test_a_client_that_moves_between_nodes_is_told_each_change_once(
    steps: list[Step], random: Random, ring_bytes: int
) -> None:
    """Whatever they have read, in whatever order, and however little they keep."""

    async def story() -> None:
        travels = Travels(ring_bytes, random.random)
        expected = set()
        for partition, letter, is_bounce in steps:
            domain = DomainName(f"{letter}{partition}.example")
            await travels.write(partition, domain, is_bounce=is_bounce)
            if is_bounce:
                expected.add((domain, NOT))
            if random.random() < 0.3:
                await travels.move()
        heard = await travels.end()
        assert once_each(heard)
        assert expected <= set(heard)

    asyncio.run(story())
