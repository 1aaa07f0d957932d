"""What clients of the feed are told."""

from query.config import ChangesSettings
from tests.fakes.change_topic import InMemoryChangeTopic
from tests.unit.query.changes.change_world import World, append, bounced, catch_all

NOT = "not catch-all"


async def test_all_clients_are_told_each_change_from_the_same_bytes() -> None:
    """Once, in order, with ids that count on."""
    topic = InMemoryChangeTopic(2)
    world = World(topic)
    world.begin()
    first, second = world.listen(), world.listen()
    await append(topic, 0, bounced("a.example"), bounced("b.example"))
    await append(topic, 1, bounced("c.example"))
    await world.read_all()
    assert first.transport.received == second.transport.received
    assert first.changes == [("a.example", NOT), ("b.example", NOT), ("c.example", NOT)]
    ids = [block.split("\n")[0] for block in first.transport.blocks]
    assert ids == ["id: 0.0", "id: 1.0", "id: 2.0", "id: 2.1"]


async def test_who_joins_before_a_tick_is_not_told_what_it_holds() -> None:
    """Its place is behind it: it would hear it twice."""
    topic = InMemoryChangeTopic(1)
    world = World(topic)
    world.begin()
    old = world.listen()
    await append(topic, 0, bounced("a.example"))
    await world.read(0)
    new = world.listen()
    world.feed.flush()
    assert old.changes == [("a.example", NOT)]
    assert (new.changes, new.last_id) == ([], "1")


async def test_what_is_no_news_moves_the_place_and_nothing_else() -> None:
    """Repeats and poison: whoever resumes need not pass them again."""
    topic = InMemoryChangeTopic(1)
    world = World(topic)
    world.begin()
    listener = world.listen()
    await append(topic, 0, bounced("a.example"), bounced("a.example"))
    await topic.append(0, [(b"a.example", b"\xc1"), (b"", b"")])
    await world.read_all()
    assert listener.changes == [("a.example", NOT)]
    assert listener.last_id == "4"
    assert world.metric("catchall_changes_undecodable_total") == 2


async def test_a_client_that_is_too_slow_is_told_so_and_its_stream_ends() -> None:
    """No more than its limit and a tick is kept for it; others get all."""
    topic = InMemoryChangeTopic(1)
    world = World(topic, settings=ChangesSettings(client_bytes=300))
    world.begin()
    slow, fast = world.listen(), world.listen()
    slow.transport.reads = False
    for number in range(10):
        await append(topic, 0, bounced(f"{number}.a.example"))
        await world.read_all()
    unread = slow.transport.unread.decode().split("\n\n")
    assert slow.client.ended.is_set()
    assert unread[-2].split("\n")[1:] == ["event: resync", 'data: {"reason":"too_slow"}']
    assert len(slow.transport.unread) < 1_000
    assert len(fast.changes) == 10
    assert not fast.client.ended.is_set()
    assert world.metric("catchall_change_resyncs_total", reason="too_slow") == 1


async def test_who_is_gone_is_written_to_no_more() -> None:
    """And makes room when its handler leaves."""
    topic = InMemoryChangeTopic(1)
    world = World(topic, settings=ChangesSettings(max_clients=1))
    world.begin()
    listener = world.listen()
    assert world.feed.full
    listener.transport.closing = True
    await append(topic, 0, bounced("a.example"))
    await world.read_all()
    assert listener.client.ended.is_set()
    assert listener.changes == []
    world.feed.leave(listener.client)
    assert not world.feed.full
    assert world.metric("catchall_change_clients") == 0


async def test_clients_hear_once_that_news_may_be_late_and_that_it_no_longer_is() -> None:
    """Whoever comes meanwhile hears it at once."""
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


async def test_the_feed_is_ready_once_it_has_read_what_was_there() -> None:
    """Until then a client would hear old changes as new."""
    topic = InMemoryChangeTopic(2)
    world = World(topic)
    await append(topic, 0, bounced("a.example"))
    await append(topic, 1, bounced("b.example"))
    world.feed.reset((0, 0), (1, 1))
    await world.read(0)
    assert not world.feed.ready
    await world.read(1)
    assert world.feed.ready


async def test_another_topic_lets_all_clients_read_anew() -> None:
    """Their ids name nothing in it."""
    topic = InMemoryChangeTopic(1)
    world = World(topic)
    world.begin(700)
    listener = world.listen()
    world.begin(3)
    assert listener.kinds == ["resync"]
    assert listener.last_id == "3"


async def test_streams_end_when_the_node_stops_with_all_that_was_known() -> None:
    """What was read before is told before."""
    topic = InMemoryChangeTopic(1)
    world = World(topic)
    world.begin()
    listener = world.listen()
    await append(topic, 0, bounced("a.example"))
    await world.read(0)
    world.feed.stop()
    assert listener.changes == [("a.example", NOT)]
    assert listener.client.ended.is_set()


async def test_the_age_of_a_change_is_observed_once_whoever_hears_it() -> None:
    """From the event's append to its telling."""
    topic = InMemoryChangeTopic(1)
    world = World(topic)
    world.begin()
    for _ in range(3):
        world.listen()
    await append(topic, 0, bounced("a.example"), catch_all("a.example"))
    await world.read_all()
    assert world.metric("catchall_change_age_seconds_count") == 1
    assert world.metric("catchall_changes_told_total", status=NOT) == 1
