"""Connections to our server, with routes that answer in all the ways there are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from aiohttp import web

from shared.http.application import OPEN, Route, build_application
from shared.http.problems import build_problem
from shared.http.server import HttpLimits, open_server
from shared.problems import Problem
from tests.clients.raw_client import Answer, RawConnection
from tests.servers.loopback import random_prefix

HOST = f"{random_prefix()}.1"
PORTS = count(20_300)


def refuse() -> web.Response:
    """Return a response with headers and a body of its own."""
    return build_problem(Problem.NODE_FULL, "Come again.", {"X-Own": "1"})


async def plain(_: web.Request) -> web.StreamResponse:
    """Answer with a refusal."""
    return refuse()


async def accepted(_: web.Request) -> web.StreamResponse:
    """Answer without a body."""
    return web.Response(status=202)


async def reading(request: web.Request) -> web.StreamResponse:
    """Answer with the size of the body."""
    return web.Response(text=str(len(await request.read())))


async def defective(_: web.Request) -> web.StreamResponse:
    """Let through what no handler should."""
    raise KeyError("a secret")


async def timed_out(_: web.Request) -> web.StreamResponse:
    """Let a limit of one's own through, which aiohttp takes for a gateway's."""
    raise TimeoutError("a secret")


def document() -> web.Response:
    """Return a response with a validator, a large body and a type of its own."""
    return web.Response(
        body=b'{"a": 1}' * 3_000,
        content_type="application/json",
        headers={"ETag": '"1a"', "Cache-Control": "public, max-age=1"},
    )


async def get_document(_: web.Request) -> web.StreamResponse:
    """Answer with the document."""
    return document()


ROUTES = build_application(
    [
        Route("GET", "/plain", plain, OPEN),
        Route("GET", "/defective", defective, OPEN),
        Route("GET", "/timed-out", timed_out, OPEN),
        Route("PUT", "/accepted", accepted, OPEN),
        Route("PUT", "/reading", reading, OPEN),
        Route("GET", "/document", get_document, OPEN),
    ]
)


class Wire(RawConnection):
    """A connection to the server of ``open_wires``."""

    async def get(self, target: str, *, version: str = "1.1", extra: str = "") -> Answer:
        """Send one request for *target* and return its answer."""
        method = "PUT" if target == "/accepted" else "GET"
        return await self.ask(
            f"{method} {target} HTTP/{version}\r\nHost: h\r\n{extra}\r\n".encode()
        )


@asynccontextmanager
async def open_wires(limits: HttpLimits | None = None) -> AsyncIterator[list[Wire]]:
    """Serve the routes, and close the connections that a test adds to the list."""
    port = next(PORTS)
    wires: list[Wire] = []
    async with open_server(ROUTES, HOST, port, limits):
        PORT[0] = port
        try:
            yield wires
        finally:
            for wire in wires:
                wire.close()


PORT = [0]


async def connect(wires: list[Wire]) -> Wire:
    """Open a connection to the server of ``open_wires``."""
    wire = await Wire.open(f"http://{HOST}:{PORT[0]}")
    wires.append(wire)
    return wire
