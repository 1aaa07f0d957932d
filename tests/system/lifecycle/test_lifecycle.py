"""How a process starts, reports its state, and ends."""

import asyncio
import json
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.processes import process
from tests.clients.client import Client
from tests.tiers.stack import Stack, TierProcess
from tests.waiting import until


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
async def test_every_problem_of_the_environment_is_reported_with_status_2(
    tmp_path: Path, module: str, environment: Mapping[str, str], problems: list[str]
) -> None:
    """Each problem has a line that names its variable, and the process does not start."""
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


async def test_the_management_port_serves_liveness_readiness_and_metrics(stack: Stack) -> None:
    """Each tier is alive, ready with each dependency listed, and exports metrics."""
    metric = {
        "ingest": "catchall_ingest_events_total",
        "worker": "kafka_consumergroup_lag",
        "query": "catchall_answers_total",
    }
    needs = {
        "ingest": ["kafka"],
        "worker": ["kafka", "cassandra", "group", "partitions"],
        "query": ["cassandra"],
    }
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


async def test_sighup_ends_no_process(stack: Stack) -> None:
    """Without keys and TLS there is nothing to reload: the process goes on."""
    for tier in stack.started:
        tier.running.signal(signal.SIGHUP)
    await asyncio.sleep(0.5)  # longer than it takes to end

    for tier in stack.started:
        assert tier.running.poll() is None, tier.name
        async with stack.http.get(f"{tier.management}/livez") as answer:
            assert answer.status == 200


async def test_logs_are_json_and_have_no_line_per_event(stack: Stack, client: Client) -> None:
    """A thousand events add no line to any log."""
    await client.report("log-lines.example.com", "delivered")
    await client.wait_for_counts("log-lines.example.com", 1, 0)

    async def settled() -> list[str] | None:
        logs = [tier.log_text() for tier in stack.started]
        await asyncio.sleep(1)
        return logs if logs == [tier.log_text() for tier in stack.started] else None

    before = await until(settled)  # a process may log shortly after its start
    for _ in range(10):
        await asyncio.gather(
            *(client.put("log-lines.example.com", "delivered") for _ in range(100))
        )
    await client.wait_for_counts("log-lines.example.com", 1001, 0)

    assert [tier.log_text() for tier in stack.started] == before
    for text in before:
        for line in text.splitlines():
            assert json.loads(line).keys() >= {"event", "level", "timestamp"}


async def test_a_tier_without_its_schema_names_the_command_to_run(
    server_environment: Mapping[str, str], tmp_path: Path
) -> None:
    """A missing topic or table ends the process; the error names the command that creates it."""
    stack = Stack("unprepared", tmp_path, server_environment)

    async def run(module: str) -> None:
        command = stack.run_once(module, {})
        status = await process.run(command, process.launch, 60)

        assert status == 1
        assert "run: python -m deploy.prepare" in command.log.read_text()

    await asyncio.gather(*(run(module) for module in ("ingest", "consumer", "query")))
