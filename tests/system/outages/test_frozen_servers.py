"""Kafka and Cassandra stop answering and come back; the tiers survive it.

R6: while Kafka cannot store, an ingest node refuses, stays alive, and recovers. While Cassandra
does not answer, a worker stops reading at its backlog limit and stays in its group, and a query
node still answers final statuses.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import psutil
import pytest
import pytest_asyncio

from deploy.processes import process
from deploy.servers.backends import Servers
from tests.clients.client import Client, Reply
from tests.servers.own_servers import open_own_servers
from tests.tiers.stack import Stack, TierProcess
from tests.waiting import until, until_equal

TIMEOUT_SECONDS = 2.0
READ_SECONDS = 2.0
FRESH_SECONDS = 1.0
"""The defaults of a query node."""
MAX_BACKLOG = 100
FROZEN_SECONDS = 9.0
"""Three times the session timeout of the workers here."""
AT_ONCE_SECONDS = 5.0
"""Less than a drain can take."""
PATIENT_SECONDS = 30.0
DOMAINS = 6_000
LINES = 1_000
MAX_GROWTH_BYTES = 32 * 1024 * 1024


@pytest_asyncio.fixture(scope="module")
async def own_servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    """Servers for this module, to be frozen."""
    async with open_own_servers(tmp_path_factory.mktemp("frozen")) as started:
        yield started


@pytest.fixture(scope="module")
def environment(own_servers: Servers) -> Mapping[str, str]:
    """The environment of the tiers."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": own_servers.bootstrap_servers,
        "CASSANDRA_CONTACT_POINTS": own_servers.contact_points,
        "KAFKA_REPLICATION_FACTOR": "1",
        "KAFKA_MIN_INSYNC_REPLICAS": "1",
        "CASSANDRA_REPLICATION": "datacenter1:1",
        "KAFKA_REQUEST_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        "CONSUMER_MAX_BACKLOG": str(MAX_BACKLOG),
    }


@dataclass(frozen=True, slots=True)
class Tiers:
    """An ingest node, two workers and a query node on the servers of this module."""

    stack: Stack
    ingest: TierProcess
    workers: list[TierProcess]
    client: Client


@pytest_asyncio.fixture(scope="module")
async def tiers(
    environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Tiers]:
    """The tiers of this module; each test leaves them ready."""
    async with Stack("frozen", tmp_path_factory.mktemp("tiers"), environment) as stack:
        (ingest,), workers, (query,) = await stack.all(workers=2)
        yield Tiers(stack, ingest, workers, Client(stack.http, ingest.url, query.url))


async def readiness(stack: Stack, node: TierProcess) -> Reply:
    """Return the node's readiness."""
    return await Client(stack.http, node.url, "").request("GET", f"{node.management}/readyz")


async def metric(stack: Stack, node: TierProcess, name: str) -> float:
    """Return the value of a metric of a process."""
    reply = await Client(stack.http, "", "").request("GET", f"{node.management}/metrics")
    (found,) = (line for line in reply.text.splitlines() if line.startswith(f"{name} "))
    return float(found.split()[1])


async def test_a_worker_waits_for_cassandra_and_catches_up(
    own_servers: Servers, tiers: Tiers
) -> None:
    """It pauses reading, stays in the group beyond its session timeout, and loses nothing."""
    stack, workers, client = tiers.stack, tiers.workers, tiers.client
    names = [f"away-{number}.example.com" for number in range(DOMAINS)]
    await client.report(names[0], "delivered")
    await client.wait_for_counts(names[0], 1, 0)

    async def are_shared() -> bool:
        return 0 not in [await metric(stack, w, "catchall_assigned_partitions") for w in workers]

    await until(are_shared)
    rebalances = [await metric(stack, w, "catchall_rebalances_total") for w in workers]
    before = [psutil.Process(worker.running.pid).memory_info().rss for worker in workers]

    own_servers.cassandra[0].pause()
    try:
        end = time.monotonic() + FROZEN_SECONDS
        rounds = 0
        while time.monotonic() < end:
            for start in range(0, DOMAINS, LINES):
                lines = [
                    {"domain": name, "event": "delivered", "count": 1}
                    for name in names[start : start + LINES]
                ]
                assert (await client.bulk(lines)).status == 202
            rounds += 1
            await asyncio.sleep(1.0)
        paused = [await metric(stack, w, "catchall_paused_partitions") for w in workers]
        read = sum([await metric(stack, w, "catchall_records_total") for w in workers])
        after = [psutil.Process(worker.running.pid).memory_info().rss for worker in workers]
    finally:
        own_servers.cassandra[0].resume()

    assert min(paused) > 0
    assert read < rounds * DOMAINS, "nothing was held back"
    grown = [now - then for then, now in zip(before, after, strict=True)]
    assert max(grown) < MAX_GROWTH_BYTES
    await client.wait_for_counts(names[-1], rounds, 0)
    for start in range(0, DOMAINS, LINES):
        chunk = names[start : start + LINES]

        async def wrong(chunk: list[str] = chunk, rounds: int = rounds) -> list[object]:
            answers = (await client.ask(chunk)).body["results"]
            return [a for a in answers if a["delivered"] != rounds + (a["domain"] == names[0])]

        await until_equal(wrong, [])
    assert rebalances == [await metric(stack, w, "catchall_rebalances_total") for w in workers]


async def test_without_cassandra_only_final_answers_are_given(
    own_servers: Servers, tiers: Tiers
) -> None:
    """By GET and in bulk, within the deadline; afterwards everything is answered again."""
    client = tiers.client
    final, catch_all = "final.frozen.example.com", "catch-all.frozen.example.com"
    await client.report(final, "bounced")
    await client.report(catch_all, "delivered", 1001)
    await client.wait_for_counts(final, 0, 1)
    await client.wait_for_counts(catch_all, 1001, 0)

    own_servers.cassandra[0].pause()
    try:
        await asyncio.sleep(FRESH_SECONDS + 0.2)
        for _ in range(2):
            began = time.monotonic()
            known = await client.get(final)
            assert time.monotonic() - began < READ_SECONDS / 2
            assert (known.status, known.body["status"]) == (200, "not catch-all")
            for domain in (catch_all, "never-seen.frozen.example.com"):
                began = time.monotonic()
                refused = await client.get(domain)
                assert time.monotonic() - began < READ_SECONDS + 3
                assert (refused.status, refused.body["code"]) == (503, "store_unavailable")
                assert int(refused.headers["Retry-After"]) >= 1
                assert refused.headers["Cache-Control"] == "no-store"
        bulk = (await client.ask([catch_all, final, "localhost"])).body["results"]
        assert bulk[0]["error"]["code"] == "store_unavailable"
        assert bulk[1]["status"] == "not catch-all"
        assert bulk[2]["error"]["code"] == "single_label"
    finally:
        own_servers.cassandra[0].resume()

    async def answered() -> int:
        return (await client.get(catch_all)).status

    await until_equal(answered, 200)
    await client.report(catch_all, "bounced")
    await client.report(final, "delivered", 3)
    await client.wait_for_counts(catch_all, 1001, 1)
    await client.wait_for_counts(final, 3, 1)


async def test_a_frozen_broker_means_503_in_time_and_202_once_it_is_back(
    own_servers: Servers, tiers: Tiers
) -> None:
    """The first 503 is in doubt, the next one certain and immediate; the node stays alive."""
    stack, ingest, client = tiers.stack, tiers.ingest, tiers.client
    assert (await client.put("frozen.example.com", "delivered")).status == 202
    own_servers.kafka[0].pause()
    try:
        began = time.monotonic()
        in_doubt = await client.put("frozen.example.com", "delivered")
        waited = time.monotonic() - began
        certain = await client.put("frozen.example.com", "delivered")
        at_once = time.monotonic() - began - waited
        alive = await client.request("GET", f"{ingest.management}/livez")

        async def not_ready() -> Reply | None:
            reply = await readiness(stack, ingest)
            return reply if reply.status == 503 else None

        ready = await until(not_ready)
    finally:
        own_servers.kafka[0].resume()

    assert (in_doubt.status, in_doubt.body["code"]) == (503, "outcome_unknown")
    assert TIMEOUT_SECONDS <= waited < TIMEOUT_SECONDS + 3
    assert (certain.status, certain.body["code"]) == (503, "broker_unavailable")
    assert int(certain.headers["Retry-After"]) >= 1
    assert at_once < TIMEOUT_SECONDS / 2
    assert alive.status == 200
    assert ready.body["checks"]["kafka"]["last_error"]

    async def accepted() -> int:
        return (await client.put("frozen.example.com", "delivered")).status

    async def is_ready() -> int:
        return (await readiness(stack, ingest)).status

    await until_equal(accepted, 202)
    await until_equal(is_ready, 200)


async def test_a_second_signal_ends_a_drain_that_cannot_end(
    own_servers: Servers, tiers: Tiers
) -> None:
    """While Kafka does not answer, a node waits after SIGTERM; a second SIGTERM ends it."""
    async with tiers.stack.guests() as stack:
        ingest = await stack.ingest(KAFKA_REQUEST_TIMEOUT_SECONDS=str(PATIENT_SECONDS))
        client = Client(stack.http, ingest.url, "")
        assert (await client.put("signal.example.com", "delivered")).status == 202

        async def in_flight() -> float:
            return await metric(stack, ingest, "catchall_ingest_in_flight_events")

        async def is_stopping() -> bool:
            reply = await readiness(stack, ingest)
            return reply.status == 503 and bool(reply.body["stopping"])

        own_servers.kafka[0].pause()
        try:
            stuck = asyncio.create_task(client.put("signal.example.com", "delivered"))
            await until_equal(in_flight, 1.0)
            ingest.running.signal(signal.SIGTERM)
            await until(is_stopping)
            assert ingest.running.poll() is None
            ingest.running.signal(signal.SIGTERM)
            async with asyncio.timeout(AT_ONCE_SECONDS):
                status = await process.wait(ingest.running)
        finally:
            own_servers.kafka[0].resume()
            await asyncio.gather(stuck, return_exceptions=True)

        assert status == 3
