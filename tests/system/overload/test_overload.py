"""Overload of an ingest node: accepted requests stay fast, the rest is refused cheaply.

The limits show behaviour, not tuning: without the limit on events in flight every accepted request
waits for all before it, as the last test shows. Each figure is the median of three runs, because
other work of the machine may spoil one.
"""

import statistics
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import psutil
import pytest
import pytest_asyncio

from tests.clients.client import Client
from tests.clients.raw_client import post, put
from tests.clients.raw_load import Press, Pressure
from tests.tiers.stack import Stack, TierProcess
from tests.waiting import until_equal

MAX_P99_MS = 200.0
RECOVERY_SECONDS = 5.0
OVERLOAD = 10
"""The clients send that many times what the node may have in flight."""
SECONDS = 1.0
RUNS = 3
DOMAINS = 50
LINES = 5_000
MIB = 1024 * 1024
MAX_GROWTH_BYTES = 24 * MIB
NO_BOUND = str(10**12)


@dataclass(frozen=True, slots=True)
class Load:
    """A request, its events, and how many such requests a node may have in flight."""

    name: str
    request: bytes
    events: Mapping[str, int]
    requests_in_hand: int

    @property
    def bound(self) -> int:
        """The number of events that the node may have in flight."""
        return self.requests_in_hand * sum(self.events.values())


def bulk(name: str) -> Load:
    """Return the largest permitted request."""
    domains = [f"d{number}.{name}.example.com" for number in range(DOMAINS)]
    lines = [
        f'{{"domain": "{domains[number % DOMAINS]}", "event": "delivered"}}\n'
        for number in range(LINES)
    ]
    events = dict.fromkeys(domains, LINES // DOMAINS)
    return Load(name, post("".join(lines).encode()), events, requests_in_hand=4)


def single(name: str) -> Load:
    """Return the smallest request."""
    domain = f"{name}.example.com"
    return Load(name, put(domain), {domain: 1}, requests_in_hand=50)


@pytest_asyncio.fixture(scope="module")
async def quiet(
    server_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """A topic that no worker reads: under load the ingest node is the only busy process."""
    async with Stack("over", tmp_path_factory.mktemp("over"), server_environment) as opened:
        yield opened


@pytest_asyncio.fixture
async def stack(quiet: Stack) -> AsyncIterator[Stack]:
    """A stack without processes; those that a test starts end with the test."""
    async with quiet.guests() as opened:
        yield opened


def cpu_seconds(node: TierProcess) -> float:
    """Return the CPU time that the node has used."""
    times = psutil.Process(node.running.pid).cpu_times()
    return float(times.user + times.system)


async def wait_for_all(client: Client, load: Load, requests: int) -> None:
    """Return once each domain has exactly the events of that many requests."""
    wanted = [(domain, requests * count) for domain, count in load.events.items()]

    async def counted() -> list[tuple[str, int]]:
        results = (await client.ask(list(load.events))).body["results"]
        found = [(result["domain"], result["delivered"]) for result in results]
        assert all(n <= m for (_, n), (_, m) in zip(found, wanted, strict=True)), found
        return found

    await until_equal(counted, wanted)


@pytest.mark.parametrize("load", [single("single"), bulk("bulk")], ids=lambda load: load.name)
async def test_at_ten_times_its_capacity_a_node_answers_accepted_requests_fast(
    stack: Stack, press: Press, load: Load
) -> None:
    """As many requests are accepted, as fast; memory stays flat, and recovery is immediate."""
    node = await stack.ingest(INGEST_MAX_IN_FLIGHT_EVENTS=str(load.bound))
    process = psutil.Process(node.running.pid)
    runs: list[Pressure] = []

    async def load_by(connections: int, seconds: float) -> Pressure:
        pressure = await press(node.url, load.request, connections, seconds)
        runs.append(pressure)
        assert (pressure.strange, pressure.unanswered) == ([], 0)
        return pressure

    await load_by(load.requests_in_hand, SECONDS)  # warm up
    calm, over, rss = [], [], []
    for _ in range(RUNS):
        calm.append(await load_by(load.requests_in_hand, SECONDS))
        over.append(await load_by(OVERLOAD * load.requests_in_hand, SECONDS))
        rss.append(process.memory_info().rss)
    ended = time.monotonic()
    calm_rate = statistics.median(pressure.rate for pressure in calm)
    while (again := await load_by(load.requests_in_hand, SECONDS / 4)).rate < 0.7 * calm_rate:
        assert time.monotonic() - ended < RECOVERY_SECONDS, (again.rate, calm_rate)

    assert max(pressure.refused for pressure in calm) == 0
    assert min(pressure.refused for pressure in over) > 0
    assert statistics.median(pressure.p99_ms for pressure in over) < MAX_P99_MS
    assert statistics.median(pressure.rate for pressure in over) > calm_rate / 2
    assert rss[-1] - rss[0] < MAX_GROWTH_BYTES
    await stack.worker()
    client = Client(stack.http, node.url, (await stack.query()).url)
    await wait_for_all(client, load, sum(run.accepted + run.greeted for run in runs))


async def measure_cpu(
    stack: Stack, press: Press, load: Load, bound: str, room: str
) -> tuple[float, float]:
    """Return the CPU time, per second and per request, of a node that accepts all or nothing."""
    node = await stack.ingest(**{bound: room})
    await press(node.url, load.request, load.requests_in_hand, SECONDS / 4)
    used = cpu_seconds(node)
    pressure = await press(node.url, load.request, load.requests_in_hand, RUNS * SECONDS)
    used = cpu_seconds(node) - used
    await node.stop()
    accepted, refused = pressure.accepted + pressure.greeted, pressure.refused
    assert min(accepted, refused) == 0 < max(accepted, refused)
    return used / (RUNS * SECONDS), used / (accepted + refused)


@pytest.mark.parametrize(
    ("load", "bound"),
    [
        (single("dear"), "INGEST_MAX_IN_FLIGHT_BYTES"),
        (bulk("dearer"), "INGEST_MAX_IN_FLIGHT_EVENTS"),
    ],
    ids=["single", "bulk"],
)
async def test_refusals_cost_less_than_the_acceptances_they_replace(
    stack: Stack, press: Press, load: Load, bound: str
) -> None:
    """Compare the CPU time of a node with room for everything and of one with no room.

    The fast lane accepts a single event for less than a refusal costs, so only the limited rate
    of refusals keeps all of them together cheaper. A large request is also refused unparsed.
    """
    accepting, per_accepted = await measure_cpu(stack, press, load, bound, NO_BOUND)
    refusing, per_refused = await measure_cpu(stack, press, load, bound, "1")
    assert refusing < accepting
    if len(load.events) > 1:
        assert per_refused < per_accepted / 2


async def test_without_a_limit_accepted_requests_wait_for_all_before_them(
    stack: Stack, press: Press
) -> None:
    """The same load on a node that refuses nothing shows what the limit is for."""
    load = bulk("boundless")
    limited = await stack.ingest(INGEST_MAX_IN_FLIGHT_EVENTS=str(load.bound))
    boundless = await stack.ingest(
        INGEST_MAX_IN_FLIGHT_EVENTS=NO_BOUND, INGEST_MAX_IN_FLIGHT_BYTES=NO_BOUND
    )
    limited_ms, boundless_ms = list[float](), list[float]()
    for _ in range(RUNS):
        for node, p99_ms in ((limited, limited_ms), (boundless, boundless_ms)):
            connections = OVERLOAD * load.requests_in_hand
            pressure = await press(node.url, load.request, connections, SECONDS)
            assert (pressure.refused > 0) == (node is limited)
            p99_ms.append(pressure.p99_ms)
    assert statistics.median(boundless_ms) > 2 * statistics.median(limited_ms)
