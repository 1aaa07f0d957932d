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
def ports(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Return a free port for each tier, configured as its management port."""
    sockets = {tier: socket.create_server(("127.0.0.1", 0)) for tier in health.PORTS}
    found: dict[str, int] = {tier: each.getsockname()[1] for tier, each in sockets.items()}
    for each in sockets.values():
        each.close()
    for tier, (variable, _) in health.PORTS.items():
        monkeypatch.setenv(variable, str(found[tier]))
    return found


async def check(path: str, tier: str) -> int:
    """Run the check and return its exit status."""
    return await asyncio.to_thread(health.main, [path, tier])


@pytest.mark.parametrize("tier", health.PORTS)
async def test_the_running_node_is_checked(ports: dict[str, int], tier: str) -> None:
    """This works for each tier; a live node may not be ready."""
    readiness = Readiness("kafka")
    app = build_management(readiness, CollectorRegistry())
    async with open_server(app, "127.0.0.1", ports[tier]):
        assert (await check("livez", tier), await check("readyz", tier)) == (0, 1)
        readiness["kafka"].passed()
        assert await check("readyz", tier) == 0


async def test_a_node_of_another_tier_does_not_answer_for_it(
    ports: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Containers may share a network. The output names the port that does not answer."""
    app = build_management(Readiness(), CollectorRegistry())
    async with open_server(app, "127.0.0.1", ports["ingest"]):
        assert await check("livez", "consumer") == 1
    assert f"consumer, {ports['consumer']}: " in capsys.readouterr().out


async def test_a_node_with_a_certificate_is_checked_over_tls(
    ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
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
    server = await asyncio.start_server(answer, "127.0.0.1", ports["query"], ssl=context)
    async with server:
        assert await check("livez", "query") == 0


@pytest.mark.parametrize(
    ("command", "tier"),
    [
        (b"python\0-m\0ingest\0", "ingest"),
        (b"/sbin/docker-init\0--\0python\0-m\0consumer\0", "consumer"),
        (b"/run/podman-init\0--\0python\0-m\0query\0", "query"),
        (b"python\0-m\0deploy.prepare\0", ""),
        (b"/sbin/init\0", ""),
        (b"cat\0ingest\0", ""),
    ],
)
def test_the_tier_is_that_of_the_first_process(command: bytes, tier: str) -> None:
    """The node itself, or an init that started it."""
    assert health.tier_of(command) == tier


def test_without_a_tier_the_check_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """Here the first process is another one. The output lists the tiers."""
    assert health.main(["readyz"]) == 1
    assert "name the tier: ingest, query, consumer" in capsys.readouterr().out


def test_its_ports_are_those_of_the_tiers() -> None:
    """It does not import the settings, so the ports are compared here."""
    of_settings = {
        (
            f"{settings.model_config.get('env_prefix', '')}MANAGEMENT_PORT",
            settings.model_fields["management_port"].default,
        )
        for settings in (IngestSettings, QuerySettings, WorkerSettings)
    }
    assert of_settings == set(health.PORTS.values())
