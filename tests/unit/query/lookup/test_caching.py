"""Cache-Control and ETag of the answers."""

import asyncio
from collections.abc import Mapping

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from query.handlers import Handlers
from query.lookup.read_through_cache import CacheLimits, ReadThroughCache
from query.metrics import QueryMetrics
from shared.errors import StoreUnavailableError
from shared.http.application import build_application
from shared.model.counter import Counters
from tests.fakes.clock import Clock
from tests.fakes.counter_reader import InMemoryCounterReader
from tests.fakes.requests import ask, json_of

ALL, NOT, NEW = "/domains/all.example", "/domains/not.example", "/domains/new.example"
FOR_GOOD = "max-age=31536000, immutable"


class Node:
    """The routes of a query node over counters in memory."""

    def __init__(self, fresh_seconds: float = 1.0, gather_seconds: float = 0.05) -> None:
        self.reader = InMemoryCounterReader(
            {"all.example": Counters(1001, 0), "not.example": Counters(5, 1)}
        )
        self.clock = Clock()
        metrics = QueryMetrics(CollectorRegistry())
        bounds = CacheLimits(fresh_seconds=fresh_seconds, gather_seconds=gather_seconds)
        self.cache = ReadThroughCache(self.reader, 1000, self.clock, metrics, bounds)
        self.app = build_application(Handlers(self.cache, metrics).routes())

    async def get(self, target: str, headers: Mapping[str, str] | None = None) -> web.Response:
        """Send one GET."""
        return await ask(self.app, "GET", target, headers=headers)

    async def control(self, target: str) -> str:
        """Return the Cache-Control of one GET."""
        return (await self.get(target)).headers["Cache-Control"]


async def test_a_final_answer_is_immutable() -> None:
    """However old it is in memory."""
    node = Node()
    for seconds in (0.0, 0.5, 100.0, 0.1):
        node.clock.now += seconds
        assert await node.control(NOT) == FOR_GOOD


async def test_another_answer_has_the_rest_of_its_lifetime_as_max_age() -> None:
    """In whole seconds, rounded down, so two caches in a row serve nothing older than one."""
    node = Node(fresh_seconds=3.5)
    seen = []
    for seconds in (0.0, 0.2, 0.4, 1.0, 1.0, 0.8, 0.2):
        node.clock.now += seconds
        seen.append(await node.control(ALL))
    ages = [3, 3, 2, 1, 0, 0, 3]
    assert seen == [f"max-age={age}" for age in ages]
    assert len(node.reader.reads) == 2


async def test_the_answer_of_a_slow_read_has_no_max_age() -> None:
    """Its age counts from the start of the read."""
    node = Node()
    node.reader.hold = asyncio.Event()
    get = asyncio.create_task(node.get(ALL))
    for _ in range(5):
        await asyncio.sleep(0)
    node.clock.now += 1.5
    node.reader.hold.set()
    assert (await get).headers["Cache-Control"] == "max-age=0"


@pytest.mark.parametrize("target", ["/domains/localhost", "/nowhere", NEW])
async def test_a_refusal_is_not_cacheable(target: str) -> None:
    """Of the application, of a bad name, and while Cassandra does not answer."""
    node = Node()
    node.reader.errors["new.example"] = StoreUnavailableError("no answer")
    response = await node.get(target)
    assert response.status >= 400
    assert response.headers["Cache-Control"] == "no-store"


async def test_an_etag_changes_with_the_body() -> None:
    """Equal bodies have equal tags; other counts or domains have other tags. All are strong."""
    node = Node()
    tags = [(await node.get(target)).headers["ETag"] for target in (ALL, ALL, NOT, NEW)]
    node.reader.counters["all.example"] = Counters(1002, 0)
    node.clock.now += 2
    tags.append((await node.get(ALL)).headers["ETag"])
    assert tags[0] == tags[1]
    assert len(set(tags)) == 4
    assert all(tag.startswith('"') and tag.endswith('"') for tag in tags)


@pytest.mark.parametrize(
    "form", ["{tag}", "W/{tag}", '"other", {tag}', '"a",W/"b" , W/{tag}, "c"', "*", " * "]
)
@pytest.mark.parametrize("target", [ALL, NOT])
async def test_a_client_with_the_current_answer_gets_304(target: str, form: str) -> None:
    """Without a body, with the headers of the 200, at the first and at later requests."""
    for warm in (False, True):
        node = Node()
        tag = (await Node().get(target)).headers["ETag"]
        if warm:
            await node.get(target)
            await node.get(target)
        full = await Node().get(target) if not warm else await node.get(target)
        response = await node.get(target, {"If-None-Match": form.format(tag=tag)})
        assert (response.status, response.body) == (304, None)
        assert response.headers["ETag"] == tag
        assert response.headers["Cache-Control"] == full.headers["Cache-Control"]


@pytest.mark.parametrize("form", ['"other"', "{bare}", '"*"', "", '"a", "b"', "W/", '"{bare}'])
async def test_a_client_with_another_etag_gets_the_answer(form: str) -> None:
    """Also with a malformed header."""
    node = Node()
    tag = (await node.get(ALL)).headers["ETag"]
    response = await node.get(ALL, {"If-None-Match": form.format(bare=tag.strip('"'))})
    assert (response.status, json_of(response)["delivered"]) == (200, 1001)


async def test_an_etag_of_older_counts_gets_the_answer() -> None:
    """The client receives the new counts."""
    node = Node()
    tag = (await node.get(ALL)).headers["ETag"]
    node.reader.counters["all.example"] = Counters(2000, 0)
    node.clock.now += 1.5
    response = await node.get(ALL, {"If-None-Match": tag})
    assert (response.status, json_of(response)["delivered"]) == (200, 2000)


async def test_head_has_the_headers_of_get() -> None:
    """Also with a 304."""
    node = Node()
    got = await node.get(NOT)
    head = await ask(node.app, "HEAD", NOT)
    assert (head.status, head.headers) == (got.status, got.headers)
    tag = {"If-None-Match": got.headers["ETag"]}
    assert (await ask(node.app, "HEAD", NOT, headers=tag)).status == 304


async def test_a_full_node_serves_no_expired_answer() -> None:
    """It refuses the request, at once and again, although the answer is in memory."""
    node = Node()
    for _ in range(2):
        await node.get(ALL)
    node.clock.now += 1.01
    node.reader.room, node.reader.idle = 0, False
    for _ in range(2):
        response = await node.get(ALL)
        assert (response.status, json_of(response)["code"]) == (503, "node_full")
        assert response.headers["Retry-After"]
        assert response.headers["Cache-Control"] == "no-store"
    assert (await node.get(NOT)).status == 503


async def test_a_full_node_refuses_a_bulk_request_whole() -> None:
    """The client sends it again unchanged."""
    node = Node()
    node.reader.room = 1
    body, kind = b'{"domains": ["all.example", "not.example"]}', "application/json"
    response = await ask(node.app, "POST", "/domains", body, {"Content-Type": kind})
    assert (response.status, json_of(response)["code"]) == (503, "node_full")
    assert node.reader.reads == []


async def test_another_spelling_of_a_cached_domain_needs_no_read() -> None:
    """Its max-age is that of the canonical spelling."""
    node = Node(fresh_seconds=3.5)
    for target in (ALL, "/domains/ALL.example.", "/domains/%41ll.example"):
        assert json_of(await node.get(target))["domain"] == "all.example"
    assert node.reader.reads == ["all.example"]
    node.clock.now += 1
    assert await node.control("/domains/ALL.example") == "max-age=2"


async def test_a_request_late_in_the_lifetime_starts_a_read() -> None:
    """Although the response is stored; so no request for a popular domain waits."""
    node = Node(gather_seconds=0)
    for seconds in (0.0, 0.1, 0.1, 0.65):
        node.clock.now += seconds
        await node.get(ALL)
    assert len(node.reader.reads) == 1
    await asyncio.sleep(0.01)
    assert len(node.reader.reads) == 2
    node.clock.now += 0.5
    await node.get(ALL)
    assert len(node.reader.reads) == 2
