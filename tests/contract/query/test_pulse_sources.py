"""The sources of the pulse, against a real Kafka and real HTTP servers."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client import CollectorRegistry

from deploy import prepare
from deploy.prepare import KafkaLayout
from query.metrics import QueryMetrics
from query.pulse.scrape import Tier
from query.pulse.sources import (
    KafkaEventTopic,
    PartitionOffsets,
    SourceError,
    open_event_topic,
    open_management_ports,
    resolve_host,
)
from shared.config import KafkaConfig
from shared.http.application import OPEN, Route, build_application
from shared.http.management import Readiness, build_management
from shared.http.server import HttpLimits, open_server
from shared.http.tls import ServerTls
from shared.kafka.topic import open_topic
from shared.security.tls import ServerFiles
from tests.contract.harness.stores import unique
from tests.servers.certificates import Authority
from tests.servers.loopback import random_prefix

PORT = 20_090
MANY = 120
"""Processes; each gets two requests."""


@pytest_asyncio.fixture
async def event_topic(
    kafka_config: KafkaConfig, kafka_layout: KafkaLayout
) -> AsyncIterator[KafkaEventTopic]:
    """A new topic that no group has read yet."""
    await prepare.create_topics(kafka_config, kafka_layout)
    async with open_event_topic(kafka_config, kafka_config.topic) as opened:
        yield opened


async def test_offsets_are_the_ends_and_the_committed_offsets(
    event_topic: KafkaEventTopic, kafka_config: KafkaConfig, kafka_layout: KafkaLayout
) -> None:
    """The second call includes what was appended and committed since the first."""
    partitions = range(kafka_layout.partitions)
    assert await event_topic.read_offsets() == dict.fromkeys(partitions, PartitionOffsets(0, None))
    async with open_topic(kafka_config, kafka_config.topic) as topic:
        await topic.append(0, [(b"key", b"value")] * 3)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka_config.bootstrap_servers,
        group_id=kafka_config.topic,
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        tp = TopicPartition(kafka_config.topic, 0)
        consumer.assign([tp])
        await consumer.commit({tp: 2})
    finally:
        await consumer.stop()
    found = await event_topic.read_offsets()
    assert found[0] == PartitionOffsets(3, 2)
    assert found[1] == PartitionOffsets(0, None)


async def test_an_unreachable_kafka_is_an_error_in_bounded_time() -> None:
    """The next call connects again."""
    config = KafkaConfig(bootstrap_servers=f"{random_prefix()}.1:9")
    async with open_event_topic(config, unique("group")) as event_topic:
        for _ in range(2):
            async with asyncio.timeout(10):
                with pytest.raises(SourceError, match="no answer"):
                    await event_topic.read_offsets()


async def test_a_process_reports_its_readiness_and_metrics() -> None:
    """Through the management port that every tier has."""
    registry = CollectorRegistry()
    QueryMetrics(registry)
    readiness = Readiness("cassandra")
    address = (f"{random_prefix()}.1", PORT)
    async with (
        open_server(build_management(readiness, registry), *address),
        open_management_ports() as ports,
    ):
        assert not (await ports.scrape(address, address[0])).ready
        readiness["cassandra"].passed()
        state = await ports.scrape(address, address[0])
        assert (state.ready, state.scrape.tier) == (True, Tier.QUERY)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("hangs", "no answer within 1 s"),
        ("endless", r"no answer within|too long"),
        ("garbage", "not in Prometheus' text format"),
        ("binary", "not in Prometheus' text format"),
        ("redirect", "/metrics answers 302"),
    ],
)
async def test_a_malformed_response_is_an_error_in_bounded_time(path: str, why: str) -> None:
    """Whatever the process sends, it costs a second and a few megabytes at most."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/readyz":
            return web.Response(text="ok")
        match path:
            case "hangs":
                await asyncio.sleep(3)
            case "endless":
                response = web.StreamResponse()
                await response.prepare(request)
                try:
                    while True:
                        await response.write(b"# " + b"x" * 65_536 + b"\n")
                except ConnectionResetError:
                    return response
            case "redirect":
                return web.Response(status=302, headers={"Location": "/readyz"})
            case "binary":
                return web.Response(body=b"\xff\xfe")
            case _:
                pass
        return web.Response(text="<html>hello</html>")

    address = (f"{random_prefix()}.1", PORT)
    routes = [Route("GET", target, answer, OPEN) for target in ("/readyz", "/metrics")]
    async with (
        open_server(build_application(routes), *address, HttpLimits(drain_seconds=0.5)),
        open_management_ports() as ports,
    ):
        async with asyncio.timeout(5):
            with pytest.raises(SourceError, match=why):
                await ports.scrape(address, address[0])


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, b'{"openapi": "3.1.0" }', None),
        (404, b"{}", "/openapi.json answers 404"),
        (200, b"<html>hello</html>", "/openapi.json is not a JSON object"),
        (200, b'["a"]', "/openapi.json is not a JSON object"),
        (200, b" " * (5 * 1024 * 1024), "/openapi.json is too long"),
    ],
    ids=["a document", "none", "garbage", "a list", "too long"],
)
async def test_an_api_document_is_read_as_it_stands(
    status: int, body: bytes, why: str | None
) -> None:
    """Or the reason is reported."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body)

    app = build_application([Route("GET", "/openapi.json", answer, OPEN)])
    address = (f"{random_prefix()}.1", PORT)
    async with open_server(app, *address), open_management_ports() as ports:
        if why is None:
            assert await ports.read_document(address, address[0]) == body
        else:
            with pytest.raises(SourceError, match=why):
                await ports.read_document(address, address[0])


async def test_over_https_the_certificate_must_be_of_the_authority(
    tmp_path: Path,
) -> None:
    """Any other certificate is an error with its reason."""
    authority, stranger = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    host, registry = f"{random_prefix()}.1", CollectorRegistry()
    QueryMetrics(registry)
    tls = ServerTls(ServerFiles(*authority.issue("node", host)), registry)
    management = build_management(Readiness(), registry)
    async with open_server(management, host, PORT, tls=tls):
        async with open_management_ports(authority.file) as ports:
            assert (await ports.scrape((host, PORT), host)).scrape.tier == Tier.QUERY
        async with open_management_ports(stranger.file) as ports:
            with pytest.raises(SourceError, match="certificate is refused"):
                await ports.scrape((host, PORT), host)


async def test_a_process_that_is_down_is_an_error() -> None:
    """A refused connection is reported at once."""
    host = f"{random_prefix()}.1"
    async with open_management_ports() as ports:
        with pytest.raises(SourceError, match="no connection"):
            await ports.scrape((host, PORT), host)


async def test_processes_that_hang_delay_no_other() -> None:
    """However many: aiohttp's client would open 100 connections at the same time."""
    registry, host = CollectorRegistry(), random_prefix()
    QueryMetrics(registry)
    good, hanging = (f"{host}.1", PORT), (f"{host}.2", PORT)
    management = build_management(Readiness(), registry)
    async with open_server(management, *good), open_management_ports() as ports:
        with socket.create_server(hanging, backlog=300):  # accepts none of them
            failing = [asyncio.create_task(ports.scrape(hanging, hanging[0])) for _ in range(MANY)]
            await asyncio.sleep(0)
            assert (await ports.scrape(good, good[0])).scrape.tier == Tier.QUERY
            for each in asyncio.as_completed(failing):
                with pytest.raises(SourceError, match="no answer"):
                    await each


async def test_a_name_is_resolved() -> None:
    """A process on both address families has one address; an impossible name has none."""
    assert await resolve_host("localhost") == ["127.0.0.1"]
    assert await resolve_host("::1") == ["::1"]
    assert await resolve_host("x" * 64) == []
