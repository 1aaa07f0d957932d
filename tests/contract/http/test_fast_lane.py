"""What the fast lane leans on in aiohttp, over real connections: it fails when aiohttp changes."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from shared.http.application import OPEN, Route, build_application
from shared.http.fast_lane import Answer, Head, Pending
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.http.observability.metrics import RouteMetrics
from shared.http.prebuilt_response import PrebuiltResponse
from shared.http.problems import build_problem
from shared.http.server import HttpLimits, open_server
from shared.http.tls import ServerTls
from shared.problems import Problem
from shared.security.tls import ServerFiles
from tests.clients.raw_client import RawConnection
from tests.contract.harness.wires import HOST, PORTS
from tests.fakes.spans import TRACEPARENT, ListedSpans
from tests.servers.certificates import Authority
from tests.waiting import until, until_equal

LATER = b"PUT /hot/later HTTP/1.1\r\nHost: h\r\n\r\n"
AT_ONCE = b"PUT /hot/now HTTP/1.1\r\nHost: h\r\n\r\n"
ACCEPTED = PrebuiltResponse(lambda: web.Response(status=202), 202)
OTHER = PrebuiltResponse(lambda: web.Response(text="another"), 200)
DOCUMENT = PrebuiltResponse(lambda: web.Response(body=bytes(65_536)), 200)
LARGE = b"PUT /hot/large HTTP/1.1\r\nHost: h\r\n\r\n"


class Script:
    """Answers ``now`` and ``large`` at once, and ``later`` when a test does."""

    line: ClassVar[bytes] = rb"PUT /hot/(?P<name>now|later|large)"
    fields: ClassVar[Mapping[str, bytes]] = {}

    def __init__(self, spans: ListedSpans | None = None) -> None:
        self.registry = CollectorRegistry()
        self.instrumentation = HttpInstrumentation(self.registry, spans)
        self.waiting: list[asyncio.Future[Answer]] = []
        self.handled: list[str] = []
        """What a handler answered instead."""
        route = Route("PUT", "/hot/{name}", self.handle, OPEN)
        self.app = build_application([route], instrumentation=self.instrumentation)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer in aiohttp's way."""
        name = request.match_info["name"]
        self.handled.append(name)
        return (DOCUMENT if name == "large" else ACCEPTED).build()

    def route_of(self, _: Head) -> RouteMetrics:
        """See HotRequests."""
        return self.instrumentation.metrics.route("PUT", "/hot/{name}")

    def accept(self, head: Head) -> PrebuiltResponse | Pending | None:
        """See HotRequests."""
        if head["name"] != b"later":
            return DOCUMENT if head["name"] == b"large" else ACCEPTED
        outcome: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.waiting.append(outcome)
        return Pending(outcome, lambda answer: answer)

    async def answer(self, answer: Answer = ACCEPTED) -> None:
        """Answer the oldest request that waits, once it has arrived."""
        await until(lambda: self.waiting)
        self.waiting.pop(0).set_result(answer)

    def counted(self, status: int, code: str = "") -> float:
        """Return how many requests were answered so."""
        labels = {
            "http_request_method": "PUT",
            "http_route": "/hot/{name}",
            "http_response_status_code": str(status),
            "error_type": code,
        }
        name = "http_server_request_duration_seconds_count"
        return self.registry.get_sample_value(name, labels) or 0


@asynccontextmanager
async def serving(
    script: Script, limits: HttpLimits | None = None, **options: Any
) -> AsyncIterator[RawConnection]:
    """Serve the script's requests, and yield a connection."""
    port = next(PORTS)
    async with open_server(
        script.app,
        *(HOST, port, limits),
        hot=script,
        instrumentation=script.instrumentation,
        **options,
    ):
        connection = await RawConnection.open(f"http://{HOST}:{port}")
        await asyncio.sleep(0.01)  # aiohttp waits for the first request
        yield connection
    connection.close()


async def test_a_request_in_the_lane_is_not_idle() -> None:
    """It may take longer than a connection may be idle, which begins anew with its answer."""
    script = Script()
    async with serving(script, HttpLimits(idle_seconds=0.2)) as connection:
        for _ in range(2):
            await connection.send(LATER)
            await asyncio.sleep(0.3)
            await script.answer()
            assert (await connection.answer()).status == 202
            await asyncio.sleep(0.1)
        assert await connection.rest(1) == b""
    assert script.handled == []


@pytest.mark.parametrize("end", ["age", "drain"])
async def test_the_last_answer_of_a_connection_closes_it(end: str) -> None:
    """It became old, or the server ends, while the request was in the lane."""
    script = Script()
    limits = HttpLimits(connection_seconds=0.3 if end == "age" else 300)
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(serving(script, limits))
        await connection.send(LATER)
        await until(lambda: script.waiting)
        ending = asyncio.create_task(stack.pop_all().aclose() if end == "drain" else noop())
        await asyncio.sleep(0.7)  # longer than a server that ends waits for idle connections
        await script.answer()
        answer = await connection.answer()
        assert (answer.status, answer.closes) == (202, True)
        assert await connection.rest() == b""
        await ending
    assert (script.counted(202), script.handled) == (1, [])


async def noop() -> None:
    """Do nothing."""


async def test_an_answer_that_comes_after_the_limit_of_a_server_that_ends_is_sent() -> None:
    """As those of handlers are: a little later the server gives up."""
    script = Script()
    async with AsyncExitStack() as stack:
        opened = serving(script, HttpLimits(drain_seconds=0.3))
        connection = await stack.enter_async_context(opened)
        await connection.send(LATER)
        await until(lambda: script.waiting)
        ending = asyncio.create_task(stack.pop_all().aclose())
        await asyncio.sleep(0.5)
        await script.answer()
        answer = await connection.answer()
        assert (answer.status, answer.closes) == (202, True)
        await ending


async def test_requests_behind_one_in_the_lane_wait_for_it() -> None:
    """Until it is answered; then the lane or a handler answers them in their order."""
    script = Script()
    unknown = b"PUT /none HTTP/1.1\r\nHost: h\r\n\r\n"
    async with serving(script) as connection:
        for request in (LATER, AT_ONCE, LATER, unknown + unknown, AT_ONCE):
            await connection.send(request)
            await asyncio.sleep(0.01)
        assert script.handled == []
        await script.answer(OTHER)
        assert [(await connection.answer()).status for _ in range(2)] == [200, 202]
        await script.answer()
        assert [(await connection.answer()).status for _ in range(4)] == [202, 404, 404, 202]
    assert script.handled == ["now"], "aiohttp has the connection from the pipelined requests on"


async def test_a_request_behind_one_in_the_lane_is_not_lost_to_an_error_behind_it() -> None:
    """The parser would drop it if both came in one piece."""
    script = Script()
    async with serving(script) as connection:
        for piece in (LATER, AT_ONCE, b"no HTTP\r\n\r\n"):
            await connection.send(piece)
            await asyncio.sleep(0.01)
        await script.answer(OTHER)
        assert [(await connection.answer()).status for _ in range(3)] == [200, 202, 400]


async def test_only_so_much_is_read_behind_a_request_in_the_lane() -> None:
    """A client cannot fill the memory of a node while Kafka is slow."""
    script = Script()
    requests = (AT_ONCE[:-2] + b"X-Long: %b\r\n\r\n" % (b"x" * 8_000)) * 10
    async with serving(script) as connection:
        await connection.send(LATER)
        await until(lambda: script.waiting)
        sent = 0
        with suppress(TimeoutError):
            while sent < 10_000:
                sent += 10
                async with asyncio.timeout(0.5):
                    await connection.send(requests)
        assert sent < 10_000
        await script.answer()
        for _ in range(1 + sent):
            assert (await connection.answer()).status == 202


async def test_a_client_that_does_not_read_is_answered_by_handlers() -> None:
    """They wait until an answer is read, so answers use no memory; none of them is lost."""
    script = Script()
    async with serving(script) as connection:
        connection.stop_reading()
        sent = 0
        while not script.handled:
            await connection.send(LARGE)
            await asyncio.sleep(0.001)
            sent += 1
            assert sent < 10_000, "answers without end are in memory"
        connection.resume_reading()
        for _ in range(sent):
            assert (await connection.answer()).status == 200
        assert (await connection.ask(AT_ONCE)).status == 202


async def test_a_client_that_has_gone_is_counted_as_answered() -> None:
    """As a handler counts it, which nobody cancels."""
    script = Script()
    async with serving(script) as connection:
        await connection.send(LATER)
        await until(lambda: script.waiting)
        connection.reset()
        await until_equal(lambda: script.registry.get_sample_value("catchall_http_connections"), 0)
        await script.answer()
        await until_equal(lambda: script.counted(202), 1)


async def test_a_refusal_has_an_id_and_is_counted_and_logged() -> None:
    """The id that was sent, or a new one; an answer of the lane repeats only one that was sent."""
    script = Script()
    named = LATER[:-2] + b"X-Request-Id: my-id\r\n\r\n"
    with capture_logs() as lines:
        async with serving(script) as connection:
            for request in (named, LATER):
                await connection.send(request)
                await script.answer(build_problem(Problem.BROKER_UNAVAILABLE))
                answer = await connection.answer()
                assert (answer.status, answer.code) == (503, "broker_unavailable")
                assert lines[-1]["request_id"] == answer.headers["x-request-id"]
            assert lines[0]["request_id"] == "my-id"
            unknown = await connection.ask(b"PUT /none HTTP/1.1\r\nHost: h\r\n\r\n")
            assert unknown.status == 404, "each such answer is for one request"
            await connection.send(named)
            await script.answer()
            assert (await connection.answer()).headers["x-request-id"] == "my-id"
            assert "x-request-id" not in (await connection.ask(AT_ONCE)).headers
    assert script.counted(503, "broker_unavailable") == 2
    assert script.counted(202) == 2


async def test_handlers_answer_requests_that_are_traced() -> None:
    """Those of a trace, and those that chance selects, each of them once."""
    for ratio, spans in ((0.0, 1), (1.0, 3)):
        script = Script(listed := ListedSpans(ratio))
        async with serving(script) as connection:
            traced = AT_ONCE[:-2] + f"traceparent: {TRACEPARENT}\r\n\r\n".encode()
            for request in (AT_ONCE, traced, AT_ONCE):
                assert (await connection.ask(request)).status == 202
        assert len(listed.ended) == len(script.handled) == spans
    script = Script(listed := ListedSpans(0.5))
    async with serving(script) as connection:
        for _ in range(200):
            assert (await connection.ask(AT_ONCE)).status == 202
    assert 60 < len(listed.ended) == len(script.handled) < 140


async def test_the_lane_works_in_tls(tmp_path: Path) -> None:
    """Its answers tell browsers to use https from then on, as those of handlers do."""
    authority, script, port = Authority(tmp_path), Script(), next(PORTS)
    tls = ServerTls(ServerFiles(*authority.issue("server", HOST)), CollectorRegistry())
    context: ssl.SSLContext = authority.context()
    async with open_server(script.app, HOST, port, tls=tls, hot=script):
        stream = await asyncio.open_connection(HOST, port, ssl=context)
        connection = RawConnection(*stream)
        await asyncio.sleep(0.01)
        answers = [await connection.ask(AT_ONCE)]
        await connection.send(LATER)
        await script.answer()
        answers.append(await connection.answer())
        answers.append(await connection.ask(AT_ONCE[:-2] + b"Cookie: a=b\r\n\r\n"))
        connection.close()
    assert [answer.status for answer in answers] == [202] * 3
    assert {a.headers["strict-transport-security"] for a in answers} == {"max-age=31536000"}
    assert script.handled == ["now"], "the lane knows no cookies"
