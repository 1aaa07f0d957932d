"""TLS on our ports, over real connections, on the loop that we run on and on asyncio's own."""

import asyncio
import shutil
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import uvloop
from aiohttp import web
from prometheus_client import CollectorRegistry

from shared.errors import ConfigError
from shared.http import tls as http_tls
from shared.http.application import OPEN, Route, build_application
from shared.http.server import HttpLimits, open_server
from shared.http.tls import ServerTls
from shared.security.tls import ServerFiles
from tests.servers.certificates import Authority
from tests.servers.loopback import random_prefix

HOST = f"{random_prefix()}.1"
PORTS = count(20_600)
LIMIT_SECONDS = 20.0
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def plain(_: web.Request) -> web.StreamResponse:
    """Answer with a body."""
    return web.Response(text="ok")


async def accepted(_: web.Request) -> web.StreamResponse:
    """Answer without a body."""
    return web.Response(status=202)


ROUTES = [Route("GET", "/", plain, OPEN), Route("PUT", "/", accepted, OPEN)]


@dataclass(slots=True)
class Port:
    """A server with TLS, and the authority that signed its certificate."""

    authority: Authority
    tls: ServerTls
    registry: CollectorRegistry
    number: int

    async def connect(self, *, version: ssl.TLSVersion | None = None) -> Stream:
        """Shake hands and return the connection."""
        context = self.authority.context()
        if version is not None:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")  # else OpenSSL itself shrinks from it
            context.minimum_version = context.maximum_version = version
        return await asyncio.open_connection(HOST, self.number, ssl=context)

    async def connect_plainly(self) -> Stream:
        """Connect, and say nothing."""
        return await asyncio.open_connection(HOST, self.number)


async def ask(stream: Stream, method: str = "GET") -> str:
    """Send one request and return the head of its answer."""
    reader, writer = stream
    writer.write(f"{method} / HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    if "ontent-Length: 2\r\n" in head:
        await reader.readexactly(2)
    return head


def serial(stream: Stream) -> str:
    """Return the number of the certificate that was shown."""
    return str(stream[1].get_extra_info("peercert")["serialNumber"])


@asynccontextmanager
async def open_port(folder: Path, limits: HttpLimits | None = None) -> AsyncIterator[Port]:
    """Serve the routes with a certificate for HOST."""
    authority = Authority(folder)
    certificate, key = authority.issue("server", HOST)
    registry = CollectorRegistry()
    tls = ServerTls(ServerFiles(certificate, key), registry)
    port = Port(authority, tls, registry, next(PORTS))
    async with open_server(build_application(ROUTES), HOST, port.number, limits, tls=tls):
        yield port


async def closed(stream: Stream) -> None:
    """Close it and wait until it is."""
    stream[1].close()
    with suppress(OSError):
        await stream[1].wait_closed()


Run = Callable[[Awaitable[None]], None]


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a scenario to its end on a loop of its own, which may find nothing to complain of."""

    async def limited(scenario: Awaitable[None]) -> None:
        complaints: list[dict[str, object]] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        async with asyncio.timeout(LIMIT_SECONDS):
            await scenario
        assert complaints == []

    def start(scenario: Awaitable[None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(limited(scenario))

    return start


def test_answers_over_tls_are_the_same_as_without(run: Run, tmp_path: Path) -> None:
    """On one connection; browsers learn to use https from then on."""

    async def scenario() -> None:
        async with open_port(tmp_path) as port:
            stream = await port.connect()
            head = await ask(stream)
            assert head.startswith("HTTP/1.1 200 ")
            assert "Strict-Transport-Security: max-age=" in head
            assert (await ask(stream, "PUT")).startswith("HTTP/1.1 202 ")
            await closed(stream)

    run(scenario())


def test_no_version_below_tls_1_2_is_accepted(run: Run, tmp_path: Path) -> None:
    """Nor is plain HTTP."""

    async def scenario() -> None:
        async with open_port(tmp_path) as port:
            with pytest.warns(match="TLSv1_1"), pytest.raises((ssl.SSLError, ConnectionError)):
                await port.connect(version=ssl.TLSVersion.TLSv1_1)
            assert port.tls.context.minimum_version == ssl.TLSVersion.TLSv1_2
            stream = await port.connect(version=ssl.TLSVersion.TLSv1_2)
            await closed(stream)
            stream = await port.connect_plainly()
            stream[1].write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert b"HTTP" not in await read_all(stream)
            await closed(stream)

    run(scenario())


def test_a_new_certificate_is_used_without_the_loss_of_a_connection(
    run: Run, tmp_path: Path
) -> None:
    """Open connections continue; a metric has its expiry, so that an alert can come in time."""

    async def scenario() -> None:
        async with open_port(tmp_path) as port:
            old = await port.connect()
            replace_by(port, *port.authority.issue("next", HOST))
            port.tls.reload()
            new = await port.connect()
            assert serial(new) != serial(old)
            assert (await ask(old)).startswith("HTTP/1.1 200 ")
            name = "catchall_certificate_expiry_timestamp_seconds"
            assert (port.registry.get_sample_value(name) or 0) > time.time()
            await closed(old)
            await closed(new)

    run(scenario())


def test_an_unusable_certificate_changes_nothing(run: Run, tmp_path: Path) -> None:
    """An expired one, a key of another, half a file: refused, and the old one stays."""

    async def scenario() -> None:
        async with open_port(tmp_path) as port:
            first = await port.connect()
            certificate, key = port.authority.issue("other", HOST)
            half = tmp_path / "half.pem"
            half.write_text(certificate.read_text()[:300])
            for pair, problem in (
                (port.authority.issue("old", HOST, expired=True), "certificate has expired"),
                ((certificate, tmp_path / "old.key"), "is not the key of"),
                ((half, key), "no certificate"),
            ):
                replace_by(port, *pair)
                with pytest.raises(ConfigError, match=problem):
                    port.tls.reload()
                again = await port.connect()
                assert serial(again) == serial(first)
                await closed(again)
            await closed(first)

    run(scenario())


def test_a_missing_handshake_ends_and_counts_meanwhile(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silent connections take the room of others for so long, and no longer."""
    monkeypatch.setattr(http_tls, "HANDSHAKE_SECONDS", 1.5)

    async def scenario() -> None:
        async with open_port(tmp_path, HttpLimits(max_connections=1)) as port:
            silent = [await port.connect_plainly() for _ in range(2)]
            beyond = await port.connect_plainly()
            async with asyncio.timeout(1.0):  # at once: there is room for two in all
                assert await read_all(beyond) == b""
            for stream in silent:
                await read_all(stream)
            stream = await port.connect()
            assert (await ask(stream)).startswith("HTTP/1.1 200 ")
            for each in (*silent, beyond, stream):
                await closed(each)

    run(scenario())


def test_failed_handshakes_leave_nothing_behind(run: Run, tmp_path: Path) -> None:
    """A client that sends rubbish, or does not trust our certificate, is forgotten at once."""

    async def scenario() -> None:
        async with open_port(tmp_path, HttpLimits(max_connections=2)) as port:
            stranger = Authority(tmp_path / "stranger")
            for _ in range(8):
                stream = await port.connect_plainly()
                stream[1].write(b"\x16\x03rubbish" * 20)
                await read_all(stream)
                await closed(stream)
                with pytest.raises(ssl.SSLCertVerificationError):
                    await asyncio.open_connection(HOST, port.number, ssl=stranger.context())
            stream = await port.connect()
            assert (await ask(stream)).startswith("HTTP/1.1 200 ")
            await closed(stream)

    run(scenario())


def test_a_connection_beyond_the_limit_is_refused_over_tls(run: Run, tmp_path: Path) -> None:
    """The refusal comes through, and the connection ends."""

    async def scenario() -> None:
        async with open_port(tmp_path, HttpLimits(max_connections=1)) as port:
            first = await port.connect()
            await ask(first)
            second = await port.connect()
            assert b"503 Service Unavailable" in await read_all(second)
            assert (await ask(first)).startswith("HTTP/1.1 200 ")
            await closed(second)
            await closed(first)

    run(scenario())


def test_a_stopping_server_answers_pending_requests_over_tls(run: Run, tmp_path: Path) -> None:
    """The next request of an open connection is answered, as the last; silent ones end as well."""

    async def scenario() -> None:
        async with open_port(tmp_path, HttpLimits(drain_seconds=1.0)) as port:
            stream, silent = await port.connect(), await port.connect_plainly()
            await ask(stream)
            asking = asyncio.get_running_loop().create_task(ask_soon(stream))
        assert "Connection: close" in await asking
        await closed(stream)
        await closed(silent)

    run(scenario())


async def ask_soon(stream: Stream) -> str:
    """Ask when the server has begun to end."""
    await asyncio.sleep(0.1)
    return await ask(stream)


async def read_all(stream: Stream) -> bytes:
    """Return all that comes until the connection ends, be it by a reset."""
    found = b""
    try:
        while data := await stream[0].read(4096):
            found += data
    except OSError:
        pass
    return found


def replace_by(port: Port, certificate: Path, key: Path) -> None:
    """Put another pair where the server's was."""
    for source, name in ((certificate, "server.pem"), (key, "server.key")):
        shutil.copyfile(source, port.authority.file.with_name(name))
