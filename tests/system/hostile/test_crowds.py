"""Crowds of clients: idle ones cost little, those beyond the limit are refused at once."""

import asyncio
import resource
import statistics
import time
from contextlib import ExitStack
from dataclasses import replace

import psutil

from tests.clients.client import Client
from tests.clients.raw_client import RawConnection, put
from tests.tiers.stack import Stack
from tests.waiting import until, until_equal

SLACK_SECONDS = 4.0
MAX_CONNECTIONS = 40
CROWD = 10_000
MAX_BYTES_PER_IDLE_CONNECTION = 32 * 1024
MIB = 1024 * 1024


def raise_descriptor_limit(wanted: int) -> int:
    """Let this process open *wanted* files, if permitted; return the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    may = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < may:
        resource.setrlimit(resource.RLIMIT_NOFILE, (may, hard))
    return max(soft, may)


async def median_latency(client: Client, domain: str) -> float:
    """Return the median time of an accepted PUT."""
    latencies = []
    for _ in range(200):
        began = time.monotonic()
        assert (await client.put(domain, "delivered")).status == 202
        latencies.append(time.monotonic() - began)
    return statistics.median(latencies)


async def test_ten_thousand_idle_connections_cost_little_and_slow_nobody(
    guests: Stack, client: Client
) -> None:
    """Another client keeps its latency meanwhile, and each connection costs a few KiB at most."""
    crowd = min(CROWD, raise_descriptor_limit(CROWD + 1_000) - 1_000)
    node = await guests.ingest(INGEST_MAX_CONNECTIONS=str(crowd + 10), INGEST_IDLE_SECONDS="300")
    client = replace(client, ingest=node.url)
    process = psutil.Process(node.running.pid)
    before = await median_latency(client, "crowd.example.com")
    rss = process.memory_info().rss
    with ExitStack() as stack:
        for start in range(0, crowd, 100):
            opened = await asyncio.gather(
                *(RawConnection.open(node.url) for _ in range(min(100, crowd - start)))
            )
            for connection in opened:
                stack.callback(connection.close)
        beside = await median_latency(client, "crowd.example.com")
        await until(
            lambda: sum(c.status == "ESTABLISHED" for c in process.net_connections("tcp")) >= crowd
        )
        grown = process.memory_info().rss - rss

    assert grown < crowd * MAX_BYTES_PER_IDLE_CONNECTION + 16 * MIB
    assert beside < 3 * before + 0.01
    await client.wait_for_counts("crowd.example.com", 400, 0)


async def test_a_connection_beyond_the_limit_is_refused_at_once(
    guests: Stack, client: Client
) -> None:
    """503 before any request; open connections go on, and a free place is used again."""
    node = await guests.ingest(INGEST_MAX_CONNECTIONS=str(MAX_CONNECTIONS))
    client = replace(client, ingest=node.url)
    inside = [await RawConnection.open(node.url) for _ in range(MAX_CONNECTIONS)]
    # An answer on each proves that the node has accepted it.
    for connection in inside:
        assert (await connection.ask(put("room.example.com"))).status == 202

    for _ in range(2 * MAX_CONNECTIONS):
        refused = await RawConnection.open(node.url)
        answer = await refused.answer(within_seconds=SLACK_SECONDS)
        assert (answer.status, answer.code) == (503, "too_many_connections")
        assert answer.closes
        assert int(answer.headers["retry-after"]) >= 1
        assert await refused.rest(SLACK_SECONDS) == b""
        refused.close()
    for connection in inside:
        assert (await connection.ask(put("room.example.com"))).status == 202

    for connection in inside:
        connection.close()

    async def status() -> int:
        return (await client.put("room.example.com", "delivered")).status

    await until_equal(status, 202)
    await client.wait_for_counts("room.example.com", 2 * MAX_CONNECTIONS + 1, 0)
