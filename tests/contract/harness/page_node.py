"""A query node for tests of the page: the test sets its counters, changes and pulse."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware
from playwright.async_api import expect
from prometheus_client import CollectorRegistry

from query.handlers import Handlers
from query.lookup.answer import Answer, answer_of
from query.lookup.read_through_cache import CacheLimits, ReadThroughCache
from query.metrics import QueryMetrics
from query.page.route import build_page_routes
from shared.http.application import OPEN, Route, build_application
from shared.http.server import HttpLimits, open_server
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.scope import Scope
from tests.clients.browser import Visit
from tests.fakes.counter_reader import InMemoryCounterReader
from tests.servers.loopback import random_prefix
from tests.waiting import until

PORT = 20_080
NO_DOMAINS = b'domain,status\r\n# {"complete":true,"totals":{},"cursor":null}\n'
OPENAPI = {
    "openapi": "3.1.0",
    "info": {"title": "a scripted node", "version": "1"},
    "paths": {"/domains/{domain}": {"get": {"summary": "Look up", "responses": {}}}},
}


INGEST_OPENAPI = {
    **OPENAPI,
    "paths": {"/events/{domain}/bounced": {"put": {"summary": "Report", "responses": {}}}},
}


@dataclass(slots=True)
class PageNode:
    """The state that the page sees; a test changes it."""

    counters: dict[str, Counters]
    origin: str
    pulse: dict[str, Any] = field(default_factory=dict)
    points: list[dict[str, Any]] = field(default_factory=list)
    """The points of the charts before the pulse."""
    streams: list[asyncio.Queue[bytes | None]] = field(default_factory=list)
    refuses_streams: bool = False
    recent: list[tuple[float, str, Counters]] = field(default_factory=list)
    """The changes before a new stream: time, domain, counters."""
    resumed_from: list[str | None] = field(default_factory=list)
    """The ``Last-Event-ID`` of each accepted stream."""
    exports: list[str] = field(default_factory=list)
    """The query of each export."""
    export_parts: list[bytes] = field(default_factory=list)
    """The answers to the next exports; without one, an export has no domain."""

    def change(self, domain: str, counters: Counters) -> None:
        """Change the counters of *domain*, and send the change to all streams."""
        self.counters[domain] = counters
        self.send(b"id: 0:1\ndata: " + msgspec.json.encode(_answer(domain, counters)) + b"\n\n")

    def send(self, text: bytes | None) -> None:
        """Send *text* to all streams; None ends them."""
        for stream in self.streams:
            stream.put_nowait(text)

    async def changes(self, request: web.Request) -> web.StreamResponse:
        """``GET /changes``."""
        if self.refuses_streams:
            return web.Response(text=": not now\nretry: 200\n\n", content_type="text/event-stream")
        self.resumed_from.append(request.headers.get("Last-Event-ID"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        stream: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.streams.append(stream)
        await response.write(b"retry: 200\n: hello\n\n")
        if "recent" in request.query:
            rows = [
                {"at": at, "answer": _answer(domain, counters)}
                for at, domain, counters in self.recent
            ]
            await response.write(b"event: recent\ndata: " + msgspec.json.encode(rows) + b"\n\n")
        await response.write(b"id: 0:0\n\n")
        try:
            while (text := await stream.get()) is not None:
                await response.write(text)
        except ConnectionResetError:
            pass  # the page was left
        finally:
            self.streams.remove(stream)
        return response

    async def get_domains(self, request: web.Request) -> web.Response:
        """``GET /domains``."""
        self.exports.append(str(request.rel_url.query_string))
        headers = {"Content-Disposition": 'attachment; filename="node.csv"'}
        part = self.export_parts.pop(0) if self.export_parts else NO_DOMAINS
        return web.Response(body=part, content_type="text/csv", headers=headers)

    async def get_pulse(self, _: web.Request) -> web.Response:
        """``GET /pulse``."""
        return _json(self.pulse)

    async def get_rates(self, request: web.Request) -> web.Response:
        """``GET /rates``: the earlier points, and one of the pulse now."""
        lags = [each["lag"] for each in self.pulse["partitions"] if each["lag"] is not None]
        now = {
            "at": time.time(),
            "rates": self.pulse["rates"],
            "delay": self.pulse["delay"],
            "lag": sum(lags) if lags else None,
        }
        after = float(request.query.get("after", 0))
        points = [point for point in (*self.points, now) if point["at"] > after]
        return _json({"every_seconds": 10.0, "points": points})


def _json(value: object) -> web.Response:
    return web.Response(body=json.dumps(value).encode(), content_type="application/json")


def _answer(domain: str, counters: Counters) -> Answer:
    return answer_of(DomainName(domain), counters, 1000)


@asynccontextmanager
async def open_page_node(
    counters: dict[str, Counters], guard: Middleware | None = None
) -> AsyncIterator[PageNode]:
    """Serve the page on an unused address, behind *guard*."""

    async def ingest(_: web.Request) -> web.Response:
        return _json(INGEST_OPENAPI)

    async def openapi(_: web.Request) -> web.Response:
        return _json(OPENAPI)

    host = f"{random_prefix()}.1"
    reader = InMemoryCounterReader(counters)
    node = PageNode(reader.counters, f"http://{host}:{PORT}")
    metrics = QueryMetrics(CollectorRegistry())
    cache = ReadThroughCache(
        reader,
        1000,
        asyncio.get_running_loop().time,
        metrics,
        CacheLimits(fresh_seconds=0.0),  # a change of the test is visible at once
    )
    handlers = Handlers(cache, metrics)
    routes = [
        *build_page_routes(cache.get),
        Route("GET", "/changes", node.changes, Scope.QUERY),
        Route("GET", "/pulse", node.get_pulse, Scope.OPERATE),
        Route("GET", "/rates", node.get_rates, Scope.QUERY),
        Route("GET", "/domains", node.get_domains, Scope.QUERY),
        Route("GET", "/openapi.json", openapi, OPEN),
        Route("GET", "/docs/ingest.json", ingest, OPEN),
    ]
    app = build_application([*handlers.routes(), *routes], guard)
    async with open_server(app, host, PORT, HttpLimits(drain_seconds=0.5)):
        try:
            yield node
        finally:
            node.send(None)
            await cache.close()


async def open_connected(opened: Visit, node: PageNode, path: str = "/") -> None:
    """Open the page and wait until it is connected to the feed of changes."""
    async with opened.page.expect_response("**/changes*"):
        await opened.page.goto(path)
    await expect(opened.page.locator("#pulse-age")).to_contain_text("As of")
    await until(lambda: node.streams)
