"""What our server leans on in aiohttp, over real connections: it fails when aiohttp changes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from shared.http import OPEN, Route, Router, problem
from shared.http_prebuilt import PrebuiltResponse
from shared.http_server import HttpLimits, open_server
from shared.http_watch import HttpWatch
from tests.loopback import random_prefix
from tests.system.raw_client import Answer, RawConnection

HOST = f"{random_prefix()}.1"
PORTS = count(20_300)


def refuse() -> web.Response:
    """Return a response with headers and a body of its own."""
    return problem(503, "node_full", "Come again.", {"X-Own": "1"})


async def plain(_: web.BaseRequest) -> web.StreamResponse:
    """Answer in aiohttp's own way."""
    return refuse()


async def prebuilt(request: web.BaseRequest) -> web.StreamResponse:
    """Answer the same from what was built before."""
    return REFUSAL.answer(request)


async def accepted(request: web.BaseRequest) -> web.StreamResponse:
    """Answer without a body."""
    return ACCEPTED.answer(request)


async def defective(_: web.BaseRequest) -> web.StreamResponse:
    """Let through what no handler should."""
    raise KeyError("a secret")


async def timed_out(_: web.BaseRequest) -> web.StreamResponse:
    """Let a limit of one's own through, which aiohttp takes for a gateway's."""
    raise TimeoutError("a secret")


def document() -> web.Response:
    """Return a response with a validator, a body and a type of its own."""
    return web.Response(
        body=b'{"a": 1}' * 30,
        content_type="application/json",
        headers={"ETag": '"1a"', "Cache-Control": "public, max-age=1"},
    )


async def plain_document(_: web.BaseRequest) -> web.StreamResponse:
    """Answer with the document in aiohttp's own way."""
    return document()


async def prebuilt_document(request: web.BaseRequest) -> web.StreamResponse:
    """Answer with the document from what was built before."""
    return DOCUMENT.answer(request)


REFUSAL = PrebuiltResponse(refuse, 503, "node_full")
DOCUMENT = PrebuiltResponse(document, 200)
ACCEPTED = PrebuiltResponse(lambda: web.Response(status=202), 202)
ROUTES = Router(
    [
        Route("GET", "/plain", plain, OPEN),
        Route("GET", "/prebuilt", prebuilt, OPEN),
        Route("GET", "/defective", defective, OPEN),
        Route("GET", "/timed-out", timed_out, OPEN),
        Route("PUT", "/accepted", accepted, OPEN),
        Route("GET", "/document", plain_document, OPEN),
        Route("GET", "/prebuilt-document", prebuilt_document, OPEN),
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


async def test_a_prebuilt_response_is_the_one_that_aiohttp_would_have_sent() -> None:
    """Status line, headers and body are the same, and the connection goes on."""
    async with open_wires() as wires:
        wire = await connect(wires)
        name = "X-Request-Id: a-1\r\n"
        built, prebuilt = [await wire.get(f"/{each}", extra=name) for each in ("plain", "prebuilt")]
        again, empty = await wire.get("/prebuilt"), await wire.get("/accepted")
        assert prebuilt.headers["date"].endswith(" GMT")
        undated = {"date": ""}
        assert replace(built, headers={**built.headers, **undated}) == replace(
            prebuilt, headers={**prebuilt.headers, **undated}
        )
        assert again.body == prebuilt.body
        assert (empty.version, empty.status, empty.reason) == ("HTTP/1.1", 202, "Accepted")
        assert empty.headers.keys() == {"content-length", "date", "server"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_prebuilt_document_is_the_one_that_aiohttp_would_have_sent(method: str) -> None:
    """Its validator, type and length too; HEAD is told all of that, and no body."""
    async with open_wires() as wires:
        wire = await connect(wires)
        heads, bodies = [], []
        for target in ("/document", "/prebuilt-document", "/prebuilt-document"):
            await wire.send(f"{method} {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            answer = await wire.answer(has_body=method == "GET")
            heads.append({**answer.headers, "date": ""})
            bodies.append(answer.body)
        assert heads[0] == heads[1] == heads[2]
        assert heads[0]["content-length"] == "240"
        assert heads[0]["etag"] == '"1a"'
        assert set(bodies) == {b'{"a": 1}' * 30 if method == "GET" else b""}
        # Nothing is left over that the next answer would be mistaken for.
        assert (await wire.get("/accepted")).status == 202


async def test_the_date_of_a_prebuilt_response_moves_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the time of each answer (RFC 9110, 6.6.1)."""
    async with open_wires() as wires:
        wire = await connect(wires)
        first = await wire.get("/accepted")
        monkeypatch.setattr("shared.http_prebuilt.rfc822_formatted_time", lambda: "later")
        assert (await wire.get("/accepted")).headers["date"] == "later" != first.headers["date"]


@pytest.mark.parametrize(
    ("version", "extra", "connection"),
    [("1.1", "Connection: close\r\n", "close"), ("1.0", "", None)],
)
async def test_who_wants_no_second_answer_gets_none(
    version: str, extra: str, connection: str | None
) -> None:
    """A client that will not go on, or speaks HTTP/1.0, is answered in aiohttp's own way."""
    async with open_wires() as wires:
        wire = await connect(wires)
        answer = await wire.get("/accepted", version=version, extra=extra)
        assert (answer.status, answer.reason) == (202, "Accepted")
        assert answer.headers.get("connection") == connection
        assert await wire.rest() == b""


async def test_pipelined_requests_are_answered_in_order() -> None:
    """However the responses are made."""
    async with open_wires() as wires:
        wire = await connect(wires)
        request = (
            "GET /prebuilt HTTP/1.1\r\nHost: h\r\n\r\nPUT /accepted HTTP/1.1\r\nHost: h\r\n\r\n"
        )
        await wire.send((request * 50).encode())
        for _ in range(50):
            assert (await wire.answer()).status == 503
            assert (await wire.answer()).status == 202


async def test_a_client_that_does_not_read_is_not_answered_into_memory() -> None:
    """Beyond what the kernel takes, answers wait for their reader, and come whole in the end."""
    async with open_wires() as wires:
        wire = await connect(wires)
        request = b"GET /prebuilt HTTP/1.1\r\nHost: h\r\n\r\n"
        sent = 0
        try:
            while True:
                async with asyncio.timeout(1):
                    await wire.send(request * 1000)
                sent += 1000
                assert sent < 1_000_000, "the server reads and answers without end"
        except TimeoutError:
            sent += 1000  # held back: that is what we wanted to see
        for _ in range(sent):
            assert (await wire.answer()).status == 503


@pytest.mark.parametrize("target", ["/defective", "/timed-out"])
async def test_a_defect_of_a_handler_is_500_and_says_nothing_of_itself(target: str) -> None:
    """Whatever was let through, the client is told that it is not to blame, and no more."""
    async with open_wires() as wires:
        wire = await connect(wires)
        answer = await wire.get(target)
        assert (answer.status, answer.headers["connection"]) == (500, "close")
        assert json.loads(answer.body)["code"] == "internal_error"
        assert b"secret" not in answer.body
        assert await wire.rest() == b""


@pytest.mark.parametrize("target", ["/plain", "/accepted"])
async def test_a_connection_ends_with_an_answer_once_it_is_old_enough(target: str) -> None:
    """So that clients find new nodes; what was asked is answered."""
    async with open_wires(HttpLimits(connection_seconds=0.3)) as wires:
        wire = await connect(wires)
        first = await wire.get(target)
        await asyncio.sleep(0.4)
        last = await wire.get(target)
        assert "connection" not in first.headers
        assert last.headers["connection"] == "close"
        assert (last.status, last.reason) == (first.status, first.reason)
        assert await wire.rest() == b""


async def test_connections_end_at_different_times() -> None:
    """Else all the clients of a node would come back at once."""
    async with open_wires(HttpLimits(connection_seconds=0.5)) as wires:
        many = [await connect(wires) for _ in range(30)]
        await asyncio.sleep(0.5)
        answers = [await wire.get("/accepted") for wire in many]
        ended = sum("connection" in answer.headers for answer in answers)
        assert 0 < ended < len(many)


async def test_who_finds_no_room_is_told_so_at_once_and_there_is_room_again() -> None:
    """503 with a time to come again, before anything is asked; others are not harmed."""
    async with open_wires(HttpLimits(max_connections=2)) as wires:
        first, second = await connect(wires), await connect(wires)
        await first.get("/accepted")
        await second.get("/accepted")
        third = await connect(wires)
        refusal = await third.answer()
        assert json.loads(refusal.body)["code"] == "too_many_connections"
        assert (refusal.headers["connection"], refusal.headers["retry-after"]) == ("close", "1")
        assert await third.rest() == b""
        assert (await first.get("/accepted")).status == 202
        second.close()
        async with asyncio.timeout(5):
            while True:
                fourth = await connect(wires)
                if (await fourth.get("/accepted")).status == 202:
                    break
                await asyncio.sleep(0.05)


async def test_the_turned_away_are_bounded_too() -> None:
    """As many as may be served may wait for their refusal to be read; the rest is cut off."""
    async with open_wires(HttpLimits(max_connections=3)) as wires:
        for _ in range(3):
            await (await connect(wires)).get("/accepted")
        turned_away = [await connect(wires) for _ in range(6)]
        told = cut_off = 0
        for wire in turned_away:
            try:
                await wire.answer()
                told += 1
            except (asyncio.IncompleteReadError, ConnectionError):
                cut_off += 1
        assert (told, cut_off) == (3, 3)


async def test_an_idle_connection_and_half_a_request_end() -> None:
    """Silence and dripping alike, from the connection's first moment on."""
    async with open_wires(HttpLimits(idle_seconds=0.3)) as wires:
        silent, dripping = await connect(wires), await connect(wires)
        await dripping.send(b"PUT /accepted HTTP/1.1\r\nHos")
        assert await silent.rest() == b""
        assert await dripping.rest() == b""


async def test_several_servers_may_share_a_port() -> None:
    """With SO_REUSEPORT both listen; without it the second says why it can't."""
    port = next(PORTS)
    async with (
        open_server(ROUTES, HOST, port, shared_port=True),
        open_server(ROUTES, HOST, port, shared_port=True),
    ):
        with pytest.raises(Exception, match="cannot listen"):
            async with open_server(ROUTES, HOST, port):
                pass


async def test_every_refusal_says_a_name_of_its_request() -> None:
    """Built here or before, by a route, the router, the parser or the bound on connections."""
    async with open_wires(HttpLimits(max_connections=2)) as wires:
        wire, bad = await connect(wires), await connect(wires)
        answers = [await wire.get(target) for target in ("/plain", "/prebuilt", "/none")]
        turned_away = await (await connect(wires)).answer()
        malformed = await bad.ask(b"GET / HTTP/1.1\r\nHost : h\r\n\r\n")
        defect = await wire.get("/defective")
    answers += [turned_away, malformed, defect]
    assert [answer.status for answer in answers] == [503, 503, 404, 503, 400, 500]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


async def test_a_name_that_was_sent_comes_back_with_every_answer() -> None:
    """Accepted or refused; what is no name is replaced by one; the next request has none."""
    async with open_wires() as wires:
        wire = await connect(wires)
        for target in ("/plain", "/prebuilt", "/accepted", "/document", "/prebuilt-document"):
            answer = await wire.get(target, extra="X-Request-Id: a-1\r\n")
            assert answer.headers["x-request-id"] == "a-1"
        answer = await wire.get("/accepted", extra="X-Request-Id: a b\r\n")
        assert "x-request-id" not in (await wire.get("/accepted")).headers
        assert len(answer.headers["x-request-id"]) == 16


async def test_what_is_refused_before_it_is_a_request_is_counted_and_told_of() -> None:
    """Bad HTTP, and connections beyond the bound, by their codes."""
    registry = CollectorRegistry()
    watch = HttpWatch(registry)
    port = next(PORTS)
    url = f"http://{HOST}:{port}"
    with capture_logs() as lines:
        async with open_server(ROUTES, HOST, port, HttpLimits(max_connections=1), watch=watch):
            wire = await Wire.open(url)
            await wire.get("/accepted")
            other = await Wire.open(url)
            turned_away = await other.answer()
            assert registry.get_sample_value("catchall_http_connections") == 1
            malformed = await wire.ask(b"GET / HTTP/1.1\r\nHost : h\r\n\r\n")
            wire.close()
            other.close()
    told = {line["code"]: line["request_id"] for line in lines}
    for code, answer in (("too_many_connections", turned_away), ("malformed_request", malformed)):
        assert registry.get_sample_value("catchall_http_refusals_total", {"code": code}) == 1
        assert told[code] == answer.headers["x-request-id"]
