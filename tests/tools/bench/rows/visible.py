"""Row 8: from a PUT that changes a status to the GET that shows it, under other traffic."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from time import perf_counter

import aiohttp

from tests.tiers.stack import TierProcess
from tests.tools.bench.bench import Bench
from tests.tools.bench.load_tool import LoadReport, run_load
from tests.tools.bench.measurement.percentile import Percentiles, percentiles_ms
from tests.tools.bench.measurement.result import MeasurementError
from tests.tools.bench.report.figure import Figure, Reference, at_most

BACKGROUND_PER_SECOND = 20_000
QUICK_SHARE = 0.1
MOST_P95_MS = 200
_EVERY_SECONDS = 0.2
_POLL_SECONDS = 0.005
_LONGEST_SECONDS = 30.0
CHANGED = b'"not catch-all"'


async def measure(bench: Bench) -> AsyncIterator[Figure]:
    """Yield the figures."""
    effort = bench.effort
    rate = BACKGROUND_PER_SECOND * (QUICK_SHARE if effort.quick else 1)
    async with bench.stack("visible") as tiers:
        (ingest,), _, (query,) = await tiers.all()
        probe = Probe(tiers.http, ingest, query)
        await probe.run(max(10, effort.bursts // 10))  # to warm up
        idle = await probe.run(max(10, effort.bursts // 4))
        # The load starts later than the probe and must outlast it.
        seconds = effort.bursts * _EVERY_SECONDS + 5 * effort.lead_seconds
        load = asyncio.create_task(_background(bench, ingest, query, rate, seconds))
        try:
            await asyncio.sleep(2 * effort.lead_seconds)
            busy = await probe.run(effort.bursts)
            if load.done():
                raise MeasurementError(f"the background ended too early: {load.result()}")
            report = await load
        finally:
            load.cancel()
    if not report.ok or report.refused or report.unanswered:
        raise MeasurementError(f"the background load went wrong: {report}")
    for name, ours, reference, goal in (
        ("P50", busy.p50, idle.p50, None),
        ("P95", busy.p95, idle.p95, at_most(MOST_P95_MS)),
        ("P99", busy.p99, idle.p99, None),
    ):
        yield Figure(
            name=f"PUT to changed GET, {name}, {rate:,.0f} events/s beside it",
            unit="ms",
            ours=ours,
            reference=Reference("the same without other traffic", reference),
            goal=goal,
            detail=(
                f"{effort.bursts} domains, one every {_EVERY_SECONDS * 1000:.0f} ms, polled "
                f"every {_POLL_SECONDS * 1000:.0f} ms; max {busy.most:.0f} ms; background: "
                f"{report.verdict}"
            ),
        )


async def _background(
    bench: Bench, ingest: TierProcess, query: TierProcess, rate: float, seconds: float
) -> LoadReport:
    return await run_load(
        bench,
        ingest,
        query,
        rate=rate,
        seconds=seconds,
        options=("--profile", "waves", "--mode", "bulk", "--bulk-lines", "500"),
    )


class Probe:
    """Sends the first bounce of new domains and waits until each is visible."""

    def __init__(
        self, http: aiohttp.ClientSession, ingest: TierProcess, query: TierProcess
    ) -> None:
        self._http = http
        self._ingest = ingest.url
        self._query = query.url

    async def run(self, domains: int) -> Percentiles:
        """Start one domain after the other at a fixed rate, in parallel."""
        label = secrets.token_hex(6)
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as tasks:
            waiting = []
            for index in range(domains):
                await asyncio.sleep(began + index * _EVERY_SECONDS - loop.time())
                waiting.append(tasks.create_task(self._wait(f"probe-{label}-{index}.example.com")))
        return percentiles_ms([task.result() for task in waiting])

    async def _wait(self, domain: str) -> float:
        """Return the seconds from the PUT's start to the first answer that shows the bounce."""
        began = perf_counter()
        async with self._http.put(f"{self._ingest}/events/{domain}/bounced") as answer:
            if answer.status != 202:
                raise MeasurementError(f"a PUT was answered with {answer.status}")
        while True:
            async with self._http.get(f"{self._query}/domains/{domain}") as answer:
                shown = CHANGED in await answer.read()
            elapsed = perf_counter() - began
            if shown:
                return elapsed
            if elapsed > _LONGEST_SECONDS:
                raise MeasurementError(f"{domain} was not visible after {elapsed:.0f} s")
            await asyncio.sleep(_POLL_SECONDS)
