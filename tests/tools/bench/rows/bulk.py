"""Row 3: events in bulk into a real Kafka, compared with a ``send_and_wait`` for each."""

from collections.abc import AsyncIterator

from tests.tools.bench.bench import Bench, target_of
from tests.tools.bench.client.pump_job import PumpJob, PumpResult
from tests.tools.bench.client.requests import Workload
from tests.tools.bench.effort import Effort
from tests.tools.bench.measurement.result import WorkResult
from tests.tools.bench.report.figure import Figure, Reference, at_least

LINES = 5_000
CONNECTIONS = 8
EVENTS_PER_CORE = 500_000
CALLERS = 1_024
_SEED = "7"


async def measure(bench: Bench) -> AsyncIterator[Figure]:
    """Yield the figures."""
    effort = bench.effort
    results: dict[str, PumpResult] = {}
    async with bench.stack("bulk") as tiers:
        reference = await bench.run(
            "tests.tools.bench.reference.send_and_wait",
            bench.servers.bootstrap_servers,
            f"{tiers.name}-events",
            str(CALLERS),
            str(effort.measure_seconds),
            _SEED,
            kind=WorkResult,
            seconds=effort.measure_seconds,
        )
        node = await tiers.ingest()
        for name, workload in (
            ("waves", Workload.BULK_WAVES),
            (f"wide uniform, {effort.wide_domains:,} domains", Workload.BULK_WIDE),
        ):
            results[name] = await bench.pump(
                target_of(node.url, node.running.pid),
                bulk_job(effort, workload),
            )
    per_event = "aiokafka send_and_wait per event"
    for name, result in results.items():
        yield Figure(
            name=f"bulk into Kafka per core of the node, {name}",
            unit="events/CPU s",
            ours=result.events / result.cpu["server"],
            reference=Reference(per_event, reference.done / reference.cpu_seconds),
            goal=at_least(EVENTS_PER_CORE),
            detail=f"{LINES:,} lines a request; {result.times}; refused {result.refused:,}",
        )
        yield Figure(
            name=f"bulk into Kafka, all on the same cores, {name}",
            unit="events/s",
            ours=result.events / result.seconds,
            reference=Reference(per_event, reference.per_second),
            detail=f"node {result.cpu['server'] / result.seconds:.0%} of a core, "
            f"client {result.own_cpu / result.seconds:.0%}",
        )


def bulk_job(effort: Effort, workload: Workload) -> PumpJob:
    """Return the job of the rows that send full bulk requests."""
    return PumpJob(
        workload=workload,
        events=effort.bulk_events,
        connections=CONNECTIONS,
        warm_up_seconds=effort.warm_up_seconds,
        seconds=effort.measure_seconds,
        domains=effort.wide_domains,
        lines=LINES,
    )
