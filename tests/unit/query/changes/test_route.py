"""Why the feed refuses a client."""

from query.changes.route import ChangesHandler
from query.config import ChangesSettings
from shared.http.routing import Router
from tests.fakes.change_topic import InMemoryChangeTopic
from tests.fakes.requests import ask, json_of
from tests.unit.query.changes.change_world import World


async def refusal(world: World, last_id: str = "") -> tuple[int, str]:
    """Return the status and the code of the refusal of a client at *last_id*."""
    routes = Router([ChangesHandler(world.feed, world.resumer).route()])
    headers = {"Last-Event-ID": last_id} if last_id else {}
    response = await ask(routes, "GET", "/changes", headers=headers)
    return response.status, json_of(response)["code"]


async def test_a_node_that_has_not_caught_up_refuses_clients() -> None:
    """A client has no position there yet."""
    assert await refusal(World(InMemoryChangeTopic(1))) == (503, "changes_unavailable")


async def test_a_stopping_node_refuses_clients() -> None:
    """The client resumes at another node."""
    world = World(InMemoryChangeTopic(1))
    world.begin()
    world.feed.stop()
    assert await refusal(world) == (503, "node_stopping")


async def test_clients_beyond_the_limit_are_refused() -> None:
    """At once."""
    world = World(InMemoryChangeTopic(1), settings=ChangesSettings(max_clients=1))
    world.begin()
    world.listen()
    assert await refusal(world) == (503, "too_many_clients")


async def test_replays_beyond_the_limit_are_refused() -> None:
    """Another client that needs a replay comes back later."""
    world = World(InMemoryChangeTopic(1), settings=ChangesSettings(ring_bytes=1, max_replays=1))
    _, replay = await world.begin_replay()
    assert await refusal(world, "0") == (503, "too_many_replays")
    world.answers.away = False
    await replay
