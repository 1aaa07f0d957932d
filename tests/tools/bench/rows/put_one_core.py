"""Row 1: PUT on one core, compared with servers that answer without storing anything.

The server has a core for itself. The client has the other core, and so has Kafka in the run of our
node. That core then limits the rate of our node, so the CPU time per PUT is what compares.
"""

import sys
from collections.abc import AsyncIterator

from tests.tools.bench.bench import Bench, target_of
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
        async with (
            bench.reference("bare-protocol", *BARE_PROTOCOL) as floor_target,
            bench.reference("bare-aiohttp", *BARE_AIOHTTP) as bare_target,
            bench.reference("bare-application", *BARE_APPLICATION) as application_target,
            bench.stack("put") as tiers,
        ):
            node = await tiers.ingest()
            targets = {
                "floor": floor_target,
                "bare": bare_target,
                "application": application_target,
                "ours": target_of(node.url, node.running.pid),
            }
            for target in targets.values():
                pin(target.pid, bench.first_core)
            job = put_job(bench.effort, core=bench.other_core)
            results = await bench.pump_in_turns({name: (t, job) for name, t in targets.items()})
    finally:
        bench.free_servers()
    floor, bare, application, ours = results.values()
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


def _busy(result: PumpResult) -> str:
    return f"{result.cpu['server'] / result.seconds:.0%}"
