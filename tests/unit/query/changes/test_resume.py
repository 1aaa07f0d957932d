"""What a client receives that reconnects, at any node."""

import asyncio
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
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
    start_world,
)

NOT = "not catch-all"
FORGETFUL = ChangesSettings(ring_bytes=1)


@pytest.mark.parametrize("kept", [ChangesSettings(), FORGETFUL], ids=["memory", "Kafka"])
async def test_missed_changes_are_sent_before_new_ones(kept: ChangesSettings) -> None:
    """Then the client joins the others: no gap, no duplicate."""
    world = start_world(2, settings=kept)
    await append(world.topic, 0, bounced("a.example"), bounced("b.example"))
    await append(world.topic, 1, bounced("c.example"))
    await world.read_all()
    listener = await world.resume("1.0")
    await append(world.topic, 0, bounced("d.example"))
    await world.read_all()
    assert [domain[0] for domain, _ in listener.changes] == ["b", "c", "d"]
    assert listener.last_id == "3.1"
    assert world.metric("catchall_change_replays_total") == (kept is FORGETFUL)


async def test_ids_of_a_replay_are_the_position_of_the_client() -> None:
    """Another node read the partitions in another order: this node never had that position."""
    world = start_world(2)
    await append(world.topic, 0, bounced("a.example"))
    await append(world.topic, 1, bounced("b.example"))
    await world.read_all()
    listener = await world.resume("0.1")
    assert listener.changes == [("a.example", NOT)]
    assert listener.transport.blocks[0].startswith("id: 1.1\ndata")


async def test_a_client_that_is_ahead_of_the_node_receives_no_duplicate() -> None:
    """It waits until this node reaches its position."""
    world = start_world()
    await append(world.topic, 0, bounced("a.example"), bounced("b.example"))
    await world.read(0, 1)
    listener = world.connect()
    resuming = asyncio.create_task(world.resumer.resume(listener.client, (2,)))
    await asyncio.sleep(0)
    await append(world.topic, 0, bounced("c.example"))
    await world.read_all()
    await resuming
    await append(world.topic, 0, bounced("d.example"))
    await world.read_all()
    assert [domain for domain, _ in listener.changes] == ["c.example", "d.example"]


async def test_compacted_offsets_are_skipped() -> None:
    """The last offsets before the node's position may have no records any more."""
    world = start_world(settings=FORGETFUL)
    await append(world.topic, 0, *(bounced(f"{letter}.example") for letter in "abcd"))
    await world.read_all()
    world.topic.records[0] = [world.topic.records[0][1]]
    listener = await world.resume("0")
    assert (listener.changes, listener.last_id) == ([("b.example", NOT)], "4")


@pytest.mark.parametrize(
    ("last_id", "reason"),
    [("0", "out_of_range"), ("1", "too_far_behind")],
)
async def test_a_client_that_cannot_catch_up_must_resync(last_id: str, reason: str) -> None:
    """Before the first offset, or too far behind; then it receives all further changes."""
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


async def test_a_duplicate_found_by_a_replay_is_not_sent() -> None:
    """The node started after the first record, and took the second one for a change."""
    topic = InMemoryChangeTopic(1)
    world = World(topic)
    await append(topic, 0, bounced("a.example"), bounced("b.example"))
    world.begin(2)
    await append(topic, 0, bounced("a.example"))
    await world.read_all()
    listener = await world.resume("0")
    assert [domain for domain, _ in listener.changes] == ["a.example", "b.example"]
    # Another client received it elsewhere, and resumes between the two.
    other = await world.resume("2")
    assert (other.changes, other.last_id) == ([], "3")
    await append(topic, 0, bounced("b.example"), bounced("c.example"))
    await world.read_all()
    assert [domain[0] for domain, _ in listener.changes] == ["a", "b", "c"]


async def test_replays_are_bounded() -> None:
    """A client that the replay buffer covers needs no replay."""
    world = World(InMemoryChangeTopic(1), settings=ChangesSettings(ring_bytes=1, max_replays=1))
    listener, replay = await world.begin_replay()
    assert world.resumer.has_room((2,))
    world.answers.away = False
    await replay
    assert world.resumer.has_room((0,))
    assert listener.last_id == "2"


Step = tuple[int, str, bool]


class MovingClient:
    """A client that moves between two nodes, each of which reads in a different order."""

    def __init__(self, ring_bytes: int, choose: Callable[[], float]) -> None:
        self.topic = InMemoryChangeTopic(3)
        self.answers = InMemoryAnswerSource()
        kept = ChangesSettings(ring_bytes=ring_bytes)
        self.nodes = [World(self.topic, self.answers, kept) for _ in range(2)]
        for node in self.nodes:
            node.begin()
        self.choose = choose
        self.received: Statuses = []
        self.listener = self.nodes[0].listen()

    async def write(self, partition: int, domain: DomainName, *, is_bounce: bool) -> None:
        """Append a change, and let the nodes read some records."""
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
        """Connect to the other node, which has processed everything: else the client waits."""
        self.nodes.reverse()
        await self.nodes[0].read_all()
        self.received += self.listener.changes
        self.listener = await self.nodes[0].resume(self.listener.last_id)

    async def end(self) -> Statuses:
        """Return everything that the client received."""
        await self.nodes[0].read_all()
        return self.received + self.listener.changes


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abcd"), st.booleans()), max_size=40),
    st.randoms(use_true_random=False),
    st.sampled_from([1, 1_500, 10**6]),
)
def test_a_client_that_moves_between_nodes_receives_each_change_once(
    steps: list[Step], random: Random, ring_bytes: int
) -> None:
    """In any order of reading, with any size of the replay buffer."""

    async def story() -> None:
        client = MovingClient(ring_bytes, random.random)
        expected = set()
        for partition, letter, is_bounce in steps:
            domain = DomainName(f"{letter}{partition}.example")
            await client.write(partition, domain, is_bounce=is_bounce)
            if is_bounce:
                expected.add((domain, NOT))
            if random.random() < 0.3:
                await client.move()
        received = await client.end()
        assert once_each(received)
        assert expected <= set(received)

    asyncio.run(story())
