"""What our server leans on in aiohttp, over real connections: it fails when aiohttp changes."""

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from shared.http.application import OPEN, Route, build_application
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.http.server import HttpLimits, open_server
from tests.contract.harness.wires import HOST, PORTS, ROUTES, Wire, accepted, connect, open_wires
from tests.waiting import until_equal

_IPV6 = Path("/proc/net/if_inet6")
LOOPBACKS = ["127.0.0.1", *(["::1"] if _IPV6.exists() and _IPV6.read_text() else [])]


@pytest.mark.parametrize("target", ["/defective", "/timed-out"])
async def test_a_defect_of_a_handler_is_500_without_details(target: str) -> None:
    """The client learns that the defect is not its own, and nothing else."""
    async with open_wires() as wires:
        wire = await connect(wires)
        answer = await wire.get(target)
        assert (answer.status, answer.headers["connection"]) == (500, "close")
        assert json.loads(answer.body)["code"] == "internal_error"
        assert b"secret" not in answer.body
        assert await wire.rest() == b""


@pytest.mark.parametrize("target", ["/plain", "/accepted"])
async def test_an_old_connection_ends_with_an_answer(target: str) -> None:
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


async def test_a_connection_beyond_the_limit_is_refused_until_there_is_room() -> None:
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

        async def status() -> int:
            return (await (await connect(wires)).get("/accepted")).status

        await until_equal(status, 202)


async def test_the_number_of_refused_connections_is_limited_too() -> None:
    """Up to ``max_connections`` get their refusal; further ones are closed without it."""
    async with open_wires(HttpLimits(max_connections=3)) as wires:
        for _ in range(3):
            await (await connect(wires)).get("/accepted")
        turned_away = [await connect(wires) for _ in range(6)]
        refused = cut_off = 0
        for wire in turned_away:
            try:
                await wire.answer()
                refused += 1
            except (asyncio.IncompleteReadError, ConnectionError):
                cut_off += 1
        assert (refused, cut_off) == (3, 3)


async def test_an_idle_connection_and_half_a_request_end() -> None:
    """Silence and dripping alike, from the connection's first moment on."""
    async with open_wires(HttpLimits(idle_seconds=0.3)) as wires:
        silent, dripping = await connect(wires), await connect(wires)
        await dripping.send(b"PUT /accepted HTTP/1.1\r\nHos")
        assert await silent.rest() == b""
        assert await dripping.rest() == b""


@pytest.mark.parametrize(
    ("version", "extra", "connection"),
    [("1.1", "Connection: close\r\n", "close"), ("1.0", "", None)],
)
async def test_a_connection_closes_after_its_last_answer(
    version: str, extra: str, connection: str | None
) -> None:
    """The client will send nothing more, or speaks HTTP/1.0."""
    async with open_wires() as wires:
        wire = await connect(wires)
        answer = await wire.get("/accepted", version=version, extra=extra)
        assert (answer.status, answer.reason) == (202, "Accepted")
        assert answer.headers.get("connection") == connection
        assert await wire.rest() == b""


async def test_pipelined_requests_are_answered_in_order() -> None:
    """However many there are."""
    async with open_wires() as wires:
        wire = await connect(wires)
        request = "GET /plain HTTP/1.1\r\nHost: h\r\n\r\nPUT /accepted HTTP/1.1\r\nHost: h\r\n\r\n"
        await wire.send((request * 50).encode())
        for _ in range(50):
            assert (await wire.answer()).status == 503
            assert (await wire.answer()).status == 202


async def test_answers_to_a_client_that_does_not_read_use_no_memory() -> None:
    """Beyond what the kernel takes, answers wait for their reader, and come whole in the end."""
    async with open_wires() as wires:
        wire = await connect(wires)
        # Large ones, because the kernel holds some megabytes of them, and of answers.
        request = b"GET /document HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 16_000 + b"\r\n\r\n"
        sent = 0
        try:
            while True:
                async with asyncio.timeout(1):
                    await wire.send(request * 10)
                sent += 10
                assert sent < 10_000, "the server reads and answers without end"
        except TimeoutError:
            sent += 10  # held back: that is what we wanted to see
        for _ in range(sent):
            assert (await wire.answer()).status == 200


@pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_connections_in_the_backlog_are_served_when_the_server_ends(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """The kernel has accepted them, and would reset them with the listener."""
    clients: list[socket.socket] = []

    async def scenario() -> None:
        routes = build_application([Route("PUT", "/accepted", accepted, OPEN)])
        port = next(PORTS)
        async with open_server(routes, HOST, port):
            # Without an await: the server's loop does not see them before it ends.
            for _ in range(20):
                clients.append(socket.create_connection((HOST, port), timeout=5.0))
                clients[-1].sendall(b"PUT /accepted HTTP/1.1\r\nHost: h\r\n\r\n")

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())
    for client in clients:
        with client:
            answer = client.recv(4096)
        assert b" 202 " in answer
        assert b"Connection: close" in answer


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


async def test_localhost_is_every_loopback_address_of_the_machine() -> None:
    """`make run` listens there: a browser may take ::1 first."""
    port = next(PORTS)
    async with open_server(ROUTES, "localhost", port):
        for address in LOOPBACKS:
            reader, writer = await asyncio.open_connection(address, port)
            wire = Wire(reader, writer)
            assert (await wire.get("/accepted")).status == 202, address
            wire.close()


async def test_every_refusal_has_a_request_id() -> None:
    """Those of a route, the router, the parser, the bound on connections, and a defect."""
    async with open_wires(HttpLimits(max_connections=2)) as wires:
        wire, bad = await connect(wires), await connect(wires)
        answers = [await wire.get(target) for target in ("/plain", "/plain", "/none")]
        turned_away = await (await connect(wires)).answer()
        malformed = await bad.ask(b"GET / HTTP/1.1\r\nHost : h\r\n\r\n")
        defect = await wire.get("/defective")
    answers += [turned_away, malformed, defect]
    assert [answer.status for answer in answers] == [503, 503, 404, 503, 400, 500]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


async def test_a_request_id_comes_back_with_every_answer() -> None:
    """Accepted or refused; an invalid id is replaced; the next request has none."""
    async with open_wires() as wires:
        wire = await connect(wires)
        for target in ("/plain", "/accepted", "/document"):
            answer = await wire.get(target, extra="X-Request-Id: a-1\r\n")
            assert answer.headers["x-request-id"] == "a-1"
        answer = await wire.get("/accepted", extra="X-Request-Id: a b\r\n")
        assert "x-request-id" not in (await wire.get("/accepted")).headers
        assert len(answer.headers["x-request-id"]) == 16


async def test_refused_connections_and_malformed_requests_are_counted_and_logged() -> None:
    """Bad HTTP, and connections beyond the bound, by their codes."""
    registry = CollectorRegistry()
    instrumentation = HttpInstrumentation(registry)
    port = next(PORTS)
    url = f"http://{HOST}:{port}"
    with capture_logs() as lines:
        async with open_server(
            ROUTES, HOST, port, HttpLimits(max_connections=1), instrumentation=instrumentation
        ):
            wire = await Wire.open(url)
            await wire.get("/accepted")
            other = await Wire.open(url)
            turned_away = await other.answer()
            assert registry.get_sample_value("catchall_http_connections") == 1
            malformed = await wire.ask(b"GET / HTTP/1.1\r\nHost : h\r\n\r\n")
            wire.close()
            other.close()
    assert registry.get_sample_value("catchall_http_connections_refused_total") == 1
    labels = {
        "http_request_method": "_OTHER",
        "http_route": "",
        "http_response_status_code": "400",
        "error_type": "malformed_request",
    }
    name = "http_server_request_duration_seconds_count"
    assert registry.get_sample_value(name, labels) == 1
    logged = {line["code"]: line["request_id"] for line in lines}
    for code, answer in (("too_many_connections", turned_away), ("malformed_request", malformed)):
        assert logged[code] == answer.headers["x-request-id"]
