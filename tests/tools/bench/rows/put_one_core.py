"""Row 1: PUT on one core, compared with servers that answer without storing anything.

The server has a core for itself. The client has the other core, and so has Kafka in the run of our
node. That core then limits the rate of our node, so the CPU time per PUT is what compares.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from tests.tools.bench.bench import Bench, Target, target_of
from tests.tools.bench.client.pump_job import PumpResult, put_job
from tests.tools.bench.measurement.cpu import pin
from tests.tools.bench.report.figure import Figure, Of, Reference, at_most, number

MOST_CPU_RATIO = 0.65
BARE_AIOHTTP = (sys.executable, "-m", "tests.tools.bench.reference.bare_aiohttp")
BARE_APPLICATION = (sys.executable, "-m", "tests.tools.bench.reference.bare_application")
BARE_PROTOCOL = (sys.executable, "-m", "tests.tools.bench.reference.bare_protocol")


async def measure(bench: Bench) -> AsyncIterator[Figure]:
    """Yield the figures."""
    bench.pin_servers(bench.other_core)
    try:
        async with bench.reference("bare-protocol", *BARE_PROTOCOL) as target:
            floor = await _pump(bench, target)
        async with bench.reference("bare-aiohttp", *BARE_AIOHTTP) as target:
            bare = await _pump(bench, target)
        async with bench.reference("bare-application", *BARE_APPLICATION) as target:
            application = await _pump(bench, target)
        async with AsyncExitStack() as stack:
            tiers = await stack.enter_async_context(bench.stack("put"))
            node = await tiers.ingest()
            ours = await _pump(bench, target_of(node.url, node.running.pid))
    finally:
        bench.free_servers()
    yield Figure(
        name="CPU per PUT, server alone on a core",
        unit="us",
        ours=ours.cpu_us("server"),
        reference=Reference("bare aiohttp, no Kafka", bare.cpu_us("server")),
        goal=at_most(MOST_CPU_RATIO, Of.RATIO),
        detail=f"bare asyncio.Protocol (the floor): {number(floor.cpu_us('server'))} us; "
        f"aiohttp's Application, with its routes: {number(application.cpu_us('server'))} us",
    )
    yield Figure(
        name="PUT, server alone on a core",
        unit="1/s",
        ours=ours.per_second,
        reference=Reference("bare aiohttp, no Kafka", bare.per_second),
        detail=(
            f"floor: {number(floor.per_second)}/s; Application: "
            f"{number(application.per_second)}/s; CPU of the server's core: ours {_busy(ours)}, "
            f"bare {_busy(bare)}, floor {_busy(floor)}; ours {ours.times}; refused {ours.refused:,}"
        ),
    )


async def _pump(bench: Bench, target: Target) -> PumpResult:
    pin(target.pid, bench.first_core)
    return await bench.pump(target, put_job(bench.effort, core=bench.other_core))


def _busy(result: PumpResult) -> str:
    return f"{result.cpu['server'] / result.seconds:.0%}"
