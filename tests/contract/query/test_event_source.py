"""The feed and its standard clients: a browser's EventSource, and polyfills of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import web
from playwright.async_api import Browser

from query.changes import feed as feed_module
from query.changes.event_stream import NoStream
from query.changes.route import ChangesHandler
from query.config import ChangesSettings
from shared.http.application import OPEN, Route, build_application
from shared.http.server import HttpLimits, open_server
from tests.clients.browser import visit
from tests.clients.event_stream import EventStream
from tests.clients.raw_client import RawConnection
from tests.fakes.change_topic import InMemoryChangeTopic
from tests.servers.loopback import random_prefix
from tests.unit.query.changes.change_world import World, append, bounced, start_world
from tests.waiting import until, until_equal

PORT = 20_090
LISTEN = """() => {
  window.source = new EventSource("/changes");
  window.domains = [];
  source.onmessage = (event) => domains.push(JSON.parse(event.data).domain);
}"""


@dataclass(slots=True)
class Feed:
    """A feed behind our server, and its address."""

    world: World
    origin: str

    async def publish(self, domain: str) -> None:
        """Append a change to the topic, and send it."""
        await append(self.world.topic, 0, bounced(domain))
        await self.world.read_all()


@asynccontextmanager
async def open_feed(world: World) -> AsyncIterator[Feed]:
    """Serve the feed, and a page without content of its own."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<link rel=icon href=data:,>", content_type="text/html")

    host = f"{random_prefix()}.1"
    handler = ChangesHandler(world.feed, world.resumer)
    routes = build_application([handler.route(), Route("GET", "/", page, OPEN)])
    async with open_server(routes, host, PORT, HttpLimits(drain_seconds=1)):
        yield Feed(world, f"http://{host}:{PORT}")
        handler.stop()


def not_caught_up() -> tuple[World, Callable[[], object]]:
    """Return a node that waits for Kafka, and what ends that."""
    world = World(InMemoryChangeTopic(1))
    return world, world.begin


def stopping() -> tuple[World, Callable[[], object]]:
    """Return a node that stops; another one takes its address."""
    world = start_world()
    world.feed.stop()
    return world, lambda: setattr(world.feed, "stopping", False)


def crowded() -> tuple[World, Callable[[], object]]:
    """Return a node whose only client leaves."""
    world = start_world(settings=ChangesSettings(max_clients=1))
    listener = world.listen()
    return world, lambda: world.feed.leave(listener.client)


@pytest.mark.parametrize(
    ("reason", "begin"),
    [
        (NoStream.NOT_CAUGHT_UP, not_caught_up),
        (NoStream.STOPPING, stopping),
        (NoStream.TOO_MANY_CLIENTS, crowded),
    ],
    ids=lambda each: each.name.lower() if isinstance(each, NoStream) else "",
)
async def test_an_event_source_outlasts_a_node_that_cannot_serve_it(
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
    reason: NoStream,
    begin: Callable[[], tuple[World, Callable[[], object]]],
) -> None:
    """It asks again until there is a stream; after any status but 200 it never would."""
    for name in ("_RETRY_MS", "_CROWDED_RETRY_MS"):
        monkeypatch.setattr(feed_module, name, (100, 100))
    world, end = begin()
    async with open_feed(world) as feed, visit(browser, feed.origin) as opened:
        await opened.page.goto("/")
        await opened.page.evaluate(LISTEN)
        await until(lambda: refusals(world, reason) >= 2)
        end()
        await until(lambda: world.metric("catchall_change_clients") == 1)
        await feed.publish("after.example")
        await until_equal(lambda: opened.page.evaluate("domains"), ["after.example"])


def refusals(world: World, reason: NoStream) -> float:
    """Return how many clients got no stream for *reason*."""
    return world.metric("catchall_change_refusals_total", reason=reason.name.lower()) or 0


async def test_a_client_beyond_the_limit_of_replays_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It keeps its position, as its stream has no id."""
    monkeypatch.setattr(feed_module, "_CROWDED_RETRY_MS", (100, 100))
    world = World(InMemoryChangeTopic(1), settings=ChangesSettings(ring_bytes=1, max_replays=1))
    _, replay = await world.begin_replay()
    async with open_feed(world) as feed:
        stream = await EventStream.open(feed.origin, "0")
        await stream.until(stream.closed.is_set)
        assert (stream.status, stream.last_id, stream.retry_ms) == (200, "", 100)
        assert refusals(world, NoStream.TOO_MANY_REPLAYS) == 1
        world.answers.away = False
        await replay
        again = await EventStream.open(feed.origin, "0")
        await again.until(lambda: len(again.changes) == 2)
        again.close()


@pytest.mark.parametrize(
    ("target", "header", "missed"),
    [
        ("/changes?lastEventId=1", "", ["b.example"]),
        ("/changes?lastEventId=0", "Last-Event-ID: 1\r\n", ["b.example"]),
        ("/changes?lastEventId=1", "Last-Event-ID:\r\n", ["b.example"]),
        ("/changes?lastEventId=&_=17", "", []),
    ],
)
async def test_a_polyfill_resumes_by_a_query_parameter(
    target: str, header: str, missed: list[str]
) -> None:
    """It cannot set a header. The header, which is never older, counts if there is one."""
    world = start_world()
    async with open_feed(world) as feed:
        await feed.publish("a.example")
        await feed.publish("b.example")
        connection = await RawConnection.open(feed.origin)
        await connection.send(f"GET {target} HTTP/1.1\r\nHost: h\r\n{header}\r\n".encode())
        await until(lambda: world.metric("catchall_change_clients") == 1)
        await feed.publish("last.example")
        world.feed.stop()
        text = (await connection.rest()).decode()
        connection.close()
    found = [name for name in ("a.example", "b.example", "last.example") if name in text]
    assert found == [*missed, "last.example"]


async def test_a_parameter_that_is_no_position_is_refused() -> None:
    """As in the header: no node has sent it."""
    async with open_feed(start_world()) as feed:
        connection = await RawConnection.open(feed.origin)
        answer = await connection.ask(b"GET /changes?lastEventId=now HTTP/1.1\r\nHost: h\r\n\r\n")
        connection.close()
    assert (answer.status, answer.code) == (400, "invalid_last_event_id")
