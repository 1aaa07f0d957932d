"""Many events through many nodes, some of which are killed meanwhile: every count is right."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, STDOUT
from dataclasses import replace
from pathlib import Path

from tests.clients.client import Client
from tests.tiers.fleet import Fleet
from tests.tiers.stack import ROOT
from tests.tools.load.options import Mode, Profile
from tests.tools.load.run import run_load

EVENTS = 100_000
RATE = 8_000.0


async def test_every_count_of_100000_events_is_right(fleet: Fleet) -> None:
    """PUT and bulk requests over 64 connections and seven processes: nothing is lost or doubled."""
    report = await run_load(fleet.load(seed=1, events=EVENTS, rate=RATE))

    assert report.ok, (report.verdict, report.wrong[:5], report.breaches)
    assert (report.accepted, report.refused, report.unanswered) == (EVENTS, 0, 0)


async def test_many_domains_from_two_processes_are_right(fleet: Fleet) -> None:
    """Nearly every event has a domain of its own; the ledgers of two processes add up."""
    options = replace(
        fleet.load(seed=11, events=20_000, rate=4_000.0, mode=Mode.BULK),
        profile=Profile.WIDE,
        domains=100_000,
        processes=2,
    )

    report = await run_load(options)

    assert report.ok, (report.verdict, report.wrong[:5], report.breaches)
    assert (report.accepted, report.processes) == (20_000, 2)
    assert 17_000 < report.domains < 20_000


async def test_the_load_command_sends_at_full_speed_and_writes_reports(
    fleet: Fleet, tmp_path: Path
) -> None:
    """Status 0; a JSON file and a page with every figure, the tool's own limit among them."""
    report_file, page = tmp_path / "report.json", tmp_path / "page.html"
    command = [
        *("-m", "tests.tools.load", "--as-fast-as-possible", "--duration", "2", "--mode", "bulk"),
        *("--seed", "12", "--json", str(report_file), "--html", str(page)),
        *(part for node in fleet.ingest for part in ("--ingest", node.url)),
        *(part for node in fleet.query for part in ("--query", node.url)),
        *(part for node in fleet.workers for part in ("--worker-management", node.management)),
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stdout=PIPE, stderr=STDOUT
    )
    printed, _ = await process.communicate()

    assert process.returncode == 0, printed.decode()
    assert b"every count is right" in printed
    report = json.loads(report_file.read_text())
    assert report["closed_loop"]
    assert report["accepted"] == sum(second["accepted"] for second in report["series"]) > 0
    assert report["ceiling_per_second"] > 0
    assert page.read_text().startswith("<!DOCTYPE html>")


async def test_counts_are_exact_after_kills_of_workers_and_an_ingest_node(fleet: Fleet) -> None:
    """R1, R2: workers and a node are killed under load and replaced; accepted events count once.

    Events without an answer may or may not be counted; no others are.
    """
    options = fleet.load(seed=2, events=60_000, rate=3_000.0)

    async def kill_and_replace() -> None:
        await asyncio.sleep(4)
        await fleet.workers.pop(0).kill()
        await asyncio.sleep(2)
        await fleet.ingest.pop(0).kill()
        fleet.workers.append(await fleet.stack.worker())
        fleet.ingest.append(await fleet.stack.ingest())
        await fleet.workers.pop(0).kill()
        fleet.workers.append(await fleet.stack.worker())

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(kill_and_replace())
        running = tasks.create_task(run_load(options))
    report = running.result()

    assert report.ok, (report.verdict, report.wrong[:5], report.breaches)
    assert report.accepted > 30_000
    assert report.accepted + report.refused + report.unanswered == 60_000


async def test_counts_are_exact_while_workers_join_and_leave(fleet: Fleet) -> None:
    """R5: workers that join, and leave at SIGTERM, hand over exactly and end with status 0."""
    options = fleet.load(seed=3, events=45_000, rate=3_000.0)
    statuses = []

    async def rotate() -> None:
        for _ in range(3):
            fleet.workers.append(await fleet.stack.worker())
            await asyncio.sleep(1)
            statuses.append(await fleet.workers.pop(0).stop())

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(rotate())
        running = tasks.create_task(run_load(options))
    report = running.result()

    assert report.ok, (report.verdict, report.wrong[:5], report.breaches)
    assert (report.accepted, statuses) == (45_000, [0, 0, 0])


async def test_counts_are_exact_after_a_restart_of_everything(fleet: Fleet) -> None:
    """A clean stop loses no event accepted just before it, and a start counts none again."""
    client = Client(fleet.stack.http, fleet.ingest[0].url, fleet.query[0].url)
    for number in range(50):
        await client.report(f"d{number}.restart.example.com", "delivered", number + 1)
    running = [*fleet.ingest, *fleet.workers, *fleet.query]
    stopped = await asyncio.gather(*(tier.stop() for tier in running))
    assert stopped == [0] * 7

    started = await fleet.stack.all(ingest=2, workers=3, query=2)
    fleet.ingest, fleet.workers, fleet.query = started
    client = Client(fleet.stack.http, fleet.ingest[0].url, fleet.query[0].url)
    for number in range(50):
        await client.wait_for_counts(f"d{number}.restart.example.com", number + 1, 0)
        await client.report(f"d{number}.restart.example.com", "bounced", 2)
    for number in range(50):
        await client.wait_for_counts(f"d{number}.restart.example.com", number + 1, 2)


async def test_an_idempotency_key_counts_once_across_nodes_and_workers(fleet: Fleet) -> None:
    """By PUT and in bulk, at two nodes, before and after one worker is killed and one stopped."""
    query = fleet.query[0].url
    clients = [Client(fleet.stack.http, node.url, query) for node in fleet.ingest]
    keys = [f"key-{number}" for number in range(20)]

    async def report_all() -> None:
        for client in clients:
            for key in keys:
                reply = await client.put(
                    "keyed.example.com", "delivered", headers={"Idempotency-Key": key}
                )
                assert reply.status == 202
            lines = [
                {"domain": "Keyed.example.com", "event": "delivered", "id": key} for key in keys
            ]
            assert (await client.bulk(lines)).body["accepted"] == len(keys)

    await report_all()
    await clients[0].wait_for_counts("keyed.example.com", len(keys), 0)
    await fleet.workers.pop(0).kill()
    assert await fleet.workers.pop(0).stop() == 0
    fleet.workers.append(await fleet.stack.worker())
    await report_all()
    # A later bounce in the same partition: once it is counted, the repetitions have been read.
    await clients[0].report("keyed.example.com", "bounced")
    await clients[0].wait_for_counts("keyed.example.com", len(keys), 1)
