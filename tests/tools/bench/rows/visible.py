"""Row 8: from a PUT that changes a status to the GET that shows it, under other traffic."""

import asyncio
from collections.abc import AsyncIterator

from tests.tiers.stack import TierProcess
from tests.tools.bench.bench import Bench
from tests.tools.bench.client.probe import EVERY_SECONDS, POLL_SECONDS, Probe
from tests.tools.bench.load_tool import LoadReport, run_load
from tests.tools.bench.measurement.result import MeasurementError
from tests.tools.bench.report.figure import Figure, Reference, at_most

BACKGROUND_PER_SECOND = 20_000
QUICK_SHARE = 0.1
MOST_P95_MS = 200


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
        seconds = effort.bursts * EVERY_SECONDS + 5 * effort.lead_seconds
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
                f"{effort.bursts} domains, one every {EVERY_SECONDS * 1000:.0f} ms, polled "
                f"every {POLL_SECONDS * 1000:.0f} ms; max {busy.most:.0f} ms; background: "
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
