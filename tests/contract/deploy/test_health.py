"""The health check of a container, against real HTTP servers on loopback."""

import asyncio
import socket
import ssl

import pytest
import trustme
from prometheus_client import CollectorRegistry

from consumer.config import WorkerSettings
from deploy import health
from ingest.config import IngestSettings
from query.config import QuerySettings
from shared.http.management import Readiness, build_management
from shared.http.server import open_server


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return three free ports, configured as the management ports of the tiers."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in health.PORTS]
    found: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    for variable, port in zip(health.PORTS, found, strict=True):
        monkeypatch.setenv(variable, str(port))
    return found


async def check(path: str) -> int:
    """Run the check and return its exit status."""
    return await asyncio.to_thread(health.main, [path])


@pytest.mark.parametrize("tier", [0, 1, 2])
async def test_the_running_node_is_checked(ports: list[int], tier: int) -> None:
    """This works for each tier; a live node may not be ready."""
    readiness = Readiness("kafka")
    app = build_management(readiness, CollectorRegistry())
    async with open_server(app, "127.0.0.1", ports[tier]):
        assert (await check("livez"), await check("readyz")) == (0, 1)
        readiness["kafka"].passed()
        assert await check("readyz") == 0


async def test_without_a_node_the_check_fails(
    ports: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    """The output names the ports that did not answer."""
    assert await check("livez") == 1
    said = capsys.readouterr().out
    assert all(f"{port}: " in said for port in ports)


async def test_a_node_with_a_certificate_is_checked_over_tls(
    ports: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name in the certificate is not checked: it is never localhost."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("ingest.example").configure_cert(context)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    monkeypatch.setenv("TLS_CERTIFICATE_FILE", "tls.crt")
    server = await asyncio.start_server(answer, "127.0.0.1", ports[1], ssl=context)
    async with server:
        assert await check("livez") == 0


def test_its_ports_are_those_of_the_tiers() -> None:
    """It does not import the settings, so the ports are compared here."""
    of_settings = {
        f"{settings.model_config.get('env_prefix', '')}MANAGEMENT_PORT": settings.model_fields[
            "management_port"
        ].default
        for settings in (IngestSettings, QuerySettings, WorkerSettings)
    }
    assert of_settings == health.PORTS
