"""A service whose answers a test plans, over real connections."""

import json
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from client.client import CatchallClient, open_client
from tests.servers.loopback import random_prefix

PORT = 20_082
DROPPED = "the connection is dropped after the request was read"


@dataclass(slots=True)
class Service:
    """What the service answers next, and what it was sent. Unplanned events are accepted."""

    url: str
    answers: deque[str | tuple[int, dict[str, Any]]] = field(default_factory=deque)
    batches: list[list[dict[str, Any]]] = field(default_factory=list)
    streams: deque[Sequence[bytes]] = field(default_factory=deque)
    """The pieces of the next long answers. An answer without a last line is cut off, or ends like
    a whole one if its last piece is empty."""
    requested: list[str] = field(default_factory=list)
    """The positions from which long answers were requested."""

    async def post_events(self, request: web.BaseRequest) -> web.StreamResponse:
        """``POST /events``."""
        body = await request.read()
        self.batches.append([json.loads(line) for line in body.splitlines()])
        planned = self.answers.popleft() if self.answers else None
        if planned is None:
            planned = (202, {"accepted": len(self.batches[-1]), "rejected": []})
        if isinstance(planned, str):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, answer = planned
        return web.json_response(answer, status=status, headers={"Retry-After": "0"})

    async def get_stream(self, request: web.BaseRequest) -> web.StreamResponse:
        """``GET /domains`` and ``GET /changes``."""
        cursor = request.rel_url.query.get("cursor", "")
        self.requested.append(request.headers.get("Last-Event-ID", cursor))
        if not self.streams:
            return web.json_response({"code": "node_stopping"}, status=503)
        response = web.StreamResponse()
        await response.prepare(request)
        for data in self.streams.popleft():
            await response.write(data)
        if data and b'"complete"' not in data:
            assert request.transport is not None
            request.transport.close()
        return response


@asynccontextmanager
async def open_service(patience_seconds: float) -> AsyncIterator[tuple[Service, CatchallClient]]:
    """Yield a service and a client of it."""
    host = f"{random_prefix()}.1"
    service = Service(f"http://{host}:{PORT}")

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await (
            service.post_events(request)
            if request.method == "POST"
            else service.get_stream(request)
        )

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    await web.TCPSite(runner, host, PORT).start()
    try:
        async with open_client(
            service.url, service.url, patience_seconds=patience_seconds
        ) as client:
            yield service, client
    finally:
        await runner.cleanup()
