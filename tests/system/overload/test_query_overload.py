"""Overload of a query node: answered requests stay fast.

The limits show behaviour, not tuning: without limits every request waits for all before it. Each
figure is the median of three runs, because other work of the machine may spoil one.
"""

import asyncio
import statistics
from collections.abc import Iterator

import pytest

from tests.clients.raw_load import Press, Pressure, open_press
from tests.tiers.stack import Stack, TierProcess

MAX_P95_MS = 200.0
SECONDS = 1.0
RUNS = 3
WAITING = 32
FRESH_SECONDS = 120.0
"""A cached answer stays fresh for the whole test."""
CALM_CONNECTIONS = 32
CONNECTIONS = 640
"""Ten times the reads that such a node may have in flight and waiting."""
BULK_NAMES = 1_000
BULK_CONNECTIONS = 4


def get(domain: str) -> bytes:
    """Return a request for one domain."""
    return f"GET /domains/{domain} HTTP/1.1\r\nHost: test\r\n\r\n".encode()


def post() -> bytes:
    """Return the largest permitted bulk request, with new names each time."""
    names = ", ".join(f'"d{n}.{{number}}.bulk.example.com"' for n in range(BULK_NAMES))
    body = f'{{"domains": [{names}]}}'
    head = "POST /domains HTTP/1.1\r\nHost: test\r\nContent-Type: application/json"
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


HOT, COLD = get("hot.example.com"), get("cold-{number}.example.com")


@pytest.fixture(scope="module")
def other_press() -> Iterator[Press]:
    """A second process that sends load."""
    with open_press() as opened:
        yield opened


def judge(pressure: Pressure) -> Pressure:
    """Return *pressure*; fail if a request was neither answered nor refused."""
    assert (pressure.strange, pressure.unanswered) == ([], 0)
    return pressure


async def beside(
    node: TierProcess, press: Press, other: Press, load: bytes, light: bytes
) -> tuple[list[Pressure], list[Pressure]]:
    """Three times: load the node over many connections, and with *light* over one meanwhile."""
    heavy, small = [], []
    connections = CONNECTIONS if load is COLD else BULK_CONNECTIONS
    for _ in range(RUNS):
        loaded = asyncio.create_task(press(node.url, load, connections, SECONDS * 2))
        await asyncio.sleep(SECONDS / 2)
        small.append(judge(await other(node.url, light, 1, SECONDS)))
        heavy.append(judge(await loaded))
    return heavy, small


async def test_beyond_its_reading_capacity_a_node_still_answers_fast(
    guests: Stack, press: Press, other_press: Press
) -> None:
    """As many requests are answered, as fast; a cached answer does not wait."""
    node = await guests.query(
        QUERY_READS_AT_ONCE="1",
        QUERY_READS_IN_FLIGHT="1",
        QUERY_MAX_WAITING_READS=str(WAITING),
        QUERY_FRESH_SECONDS=str(FRESH_SECONDS),
    )
    await press(node.url, COLD, CALM_CONNECTIONS, SECONDS)  # warm up
    await other_press(node.url, HOT, 1, SECONDS)  # later its first read might be refused
    calm = judge(await press(node.url, COLD, CALM_CONNECTIONS, SECONDS))
    cold, hot = await beside(node, press, other_press, COLD, HOT)

    assert calm.refused == 0
    assert min(pressure.refused for pressure in cold) > 0
    assert statistics.median(pressure.p95_ms for pressure in cold) < MAX_P95_MS
    assert statistics.median(pressure.rate for pressure in cold) > calm.rate / 2
    assert statistics.median(pressure.p95_ms for pressure in hot) < MAX_P95_MS


async def test_bulk_requests_do_not_delay_single_ones(
    guests: Stack, press: Press, other_press: Press
) -> None:
    """Both are read at the same time: a GET of a new domain stays fast and is not refused."""
    node = await guests.query()
    await press(node.url, COLD, CALM_CONNECTIONS, SECONDS)  # warm up
    bulk, cold = await beside(node, press, other_press, post(), COLD)

    assert min(pressure.accepted for pressure in bulk) > 0
    assert max(pressure.refused for pressure in cold) == 0
    assert statistics.median(pressure.p95_ms for pressure in cold) < MAX_P95_MS
