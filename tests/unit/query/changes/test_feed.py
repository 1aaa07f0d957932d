"""What the clients of the feed receive."""

import json

from query.config import ChangesSettings
from shared.model.change import Change
from shared.model.counter import Counters
from shared.model.domain import DomainName
from tests.fakes.answers import THRESHOLD
from tests.fakes.change_topic import InMemoryChangeTopic
from tests.unit.query.changes.change_world import World, append, bounced, catch_all, start_world

NOT = "not catch-all"


async def test_all_clients_receive_the_same_bytes() -> None:
    """Each change once, in order, with increasing ids."""
    world = start_world(2)
    first, second = world.listen(), world.listen()
    await append(world.topic, 0, bounced("a.example"), bounced("b.example"))
    await append(world.topic, 1, bounced("c.example"))
    await world.read_all()
    assert first.transport.received == second.transport.received
    assert first.changes == [("a.example", NOT), ("b.example", NOT), ("c.example", NOT)]
    ids = [block.split("\n")[0] for block in first.transport.blocks]
    assert ids == ["id: 0.0", "id: 1.0", "id: 2.0", "id: 2.1"]


async def test_a_new_client_does_not_receive_pending_changes() -> None:
    """Its position is after them, so it would receive them twice."""
    world = start_world()
    old = world.listen()
    await append(world.topic, 0, bounced("a.example"))
    await world.read(0)
    new = world.listen()
    world.feed.flush()
    assert old.changes == [("a.example", NOT)]
    assert (new.changes, new.last_id) == ([], "1")


async def test_a_new_client_may_begin_with_the_last_changes() -> None:
    """By the time of their events, as one event, and each once; then all further ones."""
    world = start_world(2)
    for partition, domain, at in ((0, "first", 1), (0, "third", 3_500), (1, "second", 2_000)):
        change = Change(DomainName(f"{domain}.example"), "log/0", Counters(5, 1), at)
        await append(world.topic, partition, change)
    for partition in range(2):
        await world.read(partition)  # not sent yet
    listener = world.connect()
    world.feed.join(listener.client, recent=2)
    await append(world.topic, 1, bounced("next.example"))
    await world.read_all()

    recent, position, *_ = listener.transport.blocks
    assert recent.startswith("event: recent\ndata: ")
    found = [(each["at"], each["answer"]) for each in json.loads(recent.partition("data: ")[2])]
    assert [(at, answer["domain"]) for at, answer in found] == [
        (2.0, "second.example"),
        (3.5, "third.example"),
    ]
    assert found[0][1] | {"domain": ""} == {
        "domain": "",
        "status": NOT,
        "delivered": 5,
        "bounced": 1,
        "threshold": THRESHOLD,
        "reason": "bounced",
    }
    assert position == "id: 2.1"
    assert listener.changes == [("next.example", NOT)]


async def test_skipped_records_advance_the_position_only() -> None:
    """A client that resumes need not read duplicates and undecodable records again."""
    world = start_world()
    listener = world.listen()
    await append(world.topic, 0, bounced("a.example"), bounced("a.example"))
    await world.topic.append(0, [(b"a.example", b"\xc1"), (b"", b"")])
    await world.read_all()
    assert listener.changes == [("a.example", NOT)]
    assert listener.last_id == "4"
    assert world.metric("catchall_changes_undecodable_total") == 2


async def test_a_slow_client_receives_a_resync_and_its_stream_ends() -> None:
    """Its buffer never exceeds its limit and one tick; other clients receive everything."""
    world = start_world(settings=ChangesSettings(client_bytes=300))
    slow, fast = world.listen(), world.listen()
    slow.transport.reads = False
    for number in range(10):
        await append(world.topic, 0, bounced(f"{number}.a.example"))
        await world.read_all()
    unread = slow.transport.unread.decode().split("\n\n")
    assert slow.client.ended.is_set()
    assert unread[-2].split("\n")[1:] == ["event: resync", 'data: {"reason":"too_slow"}']
    assert len(slow.transport.unread) < 1_000
    assert len(fast.changes) == 10
    assert not fast.client.ended.is_set()
    assert world.metric("catchall_change_resyncs_total", reason="too_slow") == 1


async def test_a_closed_connection_receives_no_more() -> None:
    """Its place is free once its handler leaves."""
    world = start_world(settings=ChangesSettings(max_clients=1))
    listener = world.listen()
    assert world.feed.full
    listener.transport.closing = True
    await append(world.topic, 0, bounced("a.example"))
    await world.read_all()
    assert listener.client.ended.is_set()
    assert listener.changes == []
    world.feed.leave(listener.client)
    assert not world.feed.full
    assert world.metric("catchall_change_clients") == 0


async def test_late_is_announced_once_and_so_is_its_end() -> None:
    """A client that connects meanwhile receives it at once."""
    world = World(InMemoryChangeTopic(1))
    world.begin()
    old = world.listen()
    for late in (True, True):
        world.feed.set_late(late)
    new = world.connect()
    world.feed.send_preamble(new.client)
    world.feed.set_late(late=False)
    assert old.kinds == new.kinds == ["late", "late"]
    assert old.transport.blocks[-1] == 'event: late\ndata: {"late":false}'


async def test_the_feed_is_ready_once_it_has_caught_up() -> None:
    """Before that a client would receive old changes as new."""
    topic = InMemoryChangeTopic(2)
    world = World(topic)
    await append(topic, 0, bounced("a.example"))
    await append(topic, 1, bounced("b.example"))
    world.feed.reset((0, 0), (1, 1))
    await world.read(0)
    assert not world.feed.ready
    await world.read(1)
    assert world.feed.ready


async def test_a_new_topic_makes_all_clients_resync() -> None:
    """Their ids have no meaning in it."""
    topic = InMemoryChangeTopic(1)
    world = World(topic)
    world.begin(700)
    listener = world.listen()
    world.begin(3)
    assert listener.kinds == ["resync"]
    assert listener.last_id == "3"


async def test_a_stopping_node_flushes_and_ends_its_streams() -> None:
    """Every processed change is sent first."""
    world = start_world()
    listener = world.listen()
    await append(world.topic, 0, bounced("a.example"))
    await world.read(0)
    world.feed.stop()
    assert listener.changes == [("a.example", NOT)]
    assert listener.client.ended.is_set()


async def test_the_age_of_a_change_is_observed_once() -> None:
    """From the event's append to the change, whatever the number of clients."""
    world = start_world()
    for _ in range(3):
        world.listen()
    await append(world.topic, 0, bounced("a.example"), catch_all("a.example"))
    await world.read_all()
    assert world.metric("catchall_change_age_seconds_count") == 1
    assert world.metric("catchall_changes_told_total", status=NOT) == 1
