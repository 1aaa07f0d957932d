"""How a process starts, what it says of itself, and how it ends."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.processes import process
from tests.clients.client import Client
from tests.tiers.stack import Stack, TierProcess
from tests.waiting import until


@pytest_asyncio.fixture
async def own(
    server_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """A stack whose processes the test starts and ends."""
    async with Stack("life", tmp_path_factory.mktemp("life"), server_environment) as stack:
        yield stack


@pytest.mark.parametrize(
    ("module", "environment", "problems"),
    [
        (
            "ingest",
            {"KAFKA_BOOTSTRAP_SERVERS": "host:port", "INGEST_HTTP_PORT": "0"},
            ["KAFKA_BOOTSTRAP_SERVERS", "INGEST_HTTP_PORT"],
        ),
        (
            "consumer",
            {"CASSANDRA_CONTACT_POINTS": "", "CONSUMER_THRESHOLD": "many", "LOG_LEVEL": "loud"},
            ["CASSANDRA_CONTACT_POINTS", "CONSUMER_THRESHOLD", "LOG_LEVEL"],
        ),
        (
            "query",
            {"CASSANDRA_KEYSPACE": "drop table", "QUERY_MANAGEMENT_PORT": "99999"},
            ["CASSANDRA_KEYSPACE", "QUERY_MANAGEMENT_PORT"],
        ),
    ],
)
async def test_a_wrong_environment_is_reported_whole_with_status_2(
    tmp_path: Path, module: str, environment: Mapping[str, str], problems: list[str]
) -> None:
    """Each problem has a line that names its variable, and nothing else starts."""
    valid = {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "CASSANDRA_CONTACT_POINTS": "127.0.0.1:1",
    }
    stack = Stack("wrong", tmp_path, valid)
    command = stack.run_once(module, environment)

    status = await process.run(command, process.launch, 30)

    lines = command.log.read_text().splitlines()
    assert status == 2
    assert len(lines) == len(problems)
    for problem in problems:
        assert sum(line.startswith(f"{module}: {problem}: ") for line in lines) == 1, lines


async def test_the_management_port_tells_life_readiness_and_metrics(stack: Stack) -> None:
    """Each tier lives, is ready with each dependency named, and counts."""
    metric = {
        "ingest": "catchall_ingest_events_total",
        "worker": "kafka_consumergroup_lag",
        "query": "catchall_answers_total",
    }
    needs = {"ingest": ["kafka"], "worker": ["kafka", "cassandra"], "query": ["cassandra"]}
    client = Client(stack.http, stack.started[0].url, stack.started[2].url)
    await client.report("metrics.example.com", "delivered")
    await client.wait_for_counts("metrics.example.com", 1, 0)
    for tier in stack.started:
        name = tier.name.split("-")[0]

        async def is_exported(tier: TierProcess = tier, name: str = name) -> bool:
            metrics = await client.request("GET", f"{tier.management}/metrics")
            return f"\n{metric[name]}" in metrics.text

        await until(is_exported)
        livez = await client.request("GET", f"{tier.management}/livez")
        readyz = await client.request("GET", f"{tier.management}/readyz")
        missing = await client.request("GET", f"{tier.management}/nothing")

        assert livez.status == 200
        assert (readyz.status, readyz.body["ready"]) == (200, True)
        assert readyz.body["checks"] == {
            need: {"ok": True, "last_error": None} for need in needs[name]
        }
        assert (missing.status, missing.body["code"]) == (404, "unknown_path")


async def test_a_hangup_ends_no_process(stack: Stack) -> None:
    """There is nothing to read again without keys and TLS, and no reason to end either."""
    for tier in stack.started:
        tier.running.signal(signal.SIGHUP)
    await asyncio.sleep(0.5)  # longer than it takes to die of one

    for tier in stack.started:
        assert tier.running.poll() is None, tier.name
        async with stack.http.get(f"{tier.management}/livez") as answer:
            assert answer.status == 200


async def test_logs_are_json_with_fields_and_none_of_them_is_per_event(own: Stack) -> None:
    """A thousand events add no line to any log."""
    ingest, _, query = await own.all()
    client = Client(own.http, ingest[0].url, query[0].url)
    await client.report("quiet.example.com", "delivered")
    await client.wait_for_counts("quiet.example.com", 1, 0)
    before = [tier.log_text() for tier in own.started]

    for _ in range(10):
        await asyncio.gather(*(client.put("quiet.example.com", "delivered") for _ in range(100)))
    await client.wait_for_counts("quiet.example.com", 1001, 0)

    assert [tier.log_text() for tier in own.started] == before
    for text in before:
        for line in text.splitlines():
            assert json.loads(line).keys() >= {"event", "level", "timestamp"}


async def test_an_ingest_node_that_is_told_to_stop_answers_what_it_has(own: Stack) -> None:
    """SIGTERM under load: every request that was answered is counted, and the status is 0."""
    ingest, _, query = await own.all()
    client = Client(own.http, ingest[0].url, query[0].url)
    accepted = 0

    async def send() -> None:
        nonlocal accepted
        while True:
            try:
                reply = await client.put("stopped.example.com", "delivered")
            except OSError:
                return  # it no longer listens; nothing was sent
            if reply.status != 202:
                return
            accepted += 1

    senders = [asyncio.create_task(send()) for _ in range(32)]
    await asyncio.sleep(1.5)
    status = await ingest[0].stop()
    await asyncio.gather(*senders)

    assert status == 0
    assert accepted > 100
    await client.wait_for_counts("stopped.example.com", accepted, 0)


async def test_a_tier_without_its_schema_says_what_to_run(
    server_environment: Mapping[str, str], tmp_path: Path
) -> None:
    """A missing topic or table ends the process with the command that mends it."""
    stack = Stack("unprepared", tmp_path, server_environment)
    for module in ("ingest", "consumer", "query"):
        command = stack.run_once(module, {})

        status = await process.run(command, process.launch, 60)

        assert status == 1
        assert "run: python -m deploy.prepare" in command.log.read_text()
