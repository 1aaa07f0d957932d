"""Who is not let into the feed of changes, and told why."""

from query.changes.route import ChangesHandler
from query.config import ChangesSettings
from shared.http.routing import Router
from tests.fakes.change_topic import InMemoryChangeTopic
from tests.fakes.requests import ask, json_of
from tests.unit.query.changes.change_world import World


async def refusal(world: World, last_id: str = "") -> tuple[int, str]:
    """Return the status and the code by which a client from *last_id* is refused."""
    routes = Router([ChangesHandler(world.feed, world.resumer).route()])
    headers = {"Last-Event-ID": last_id} if last_id else {}
    response = await ask(routes, "GET", "/changes", headers=headers)
    return response.status, json_of(response)["code"]


async def test_a_node_that_has_not_found_the_topic_has_nothing_to_tell() -> None:
    """Whoever came now would not know from where on it is told."""
    assert await refusal(World(InMemoryChangeTopic(1))) == (503, "changes_unavailable")


async def test_a_node_that_stops_takes_nobody_in() -> None:
    """Another node goes on from the same place."""
    world = World(InMemoryChangeTopic(1))
    world.begin()
    world.feed.stop()
    assert await refusal(world) == (503, "node_stopping")


async def test_a_node_has_no_more_clients_than_it_may() -> None:
    """Beyond them each is refused at once."""
    world = World(InMemoryChangeTopic(1), settings=ChangesSettings(max_clients=1))
    world.begin()
    world.listen()
    assert await refusal(world) == (503, "too_many_clients")


async def test_a_node_reads_kafka_again_for_no_more_clients_than_it_may() -> None:
    """While one is served from Kafka, another that needs it comes back later."""
    world = World(InMemoryChangeTopic(1), settings=ChangesSettings(ring_bytes=1, max_replays=1))
    _, replay = await world.begin_replay()
    assert await refusal(world, "0") == (503, "too_many_replays")
    world.answers.away = False
    await replay
