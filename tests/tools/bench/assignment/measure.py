"""Row 13: uniform traffic over ten million domains at a fixed rate, with every count compared.

1. Every domain is counted once, through the product (``preload.py``).
2. The load tool sends at the rate, by bulk. Beside it a PUT changes a status five times a second,
   and a GET watches each. Perhaps a worker is killed.
3. When everything is counted, every row of the table is compared with what was sent.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import count
from time import perf_counter

import msgspec

from shared.model.partitioning import partition_of
from tests.tiers.stack import Stack, TierProcess
from tests.tools.bench.assignment.observer import Observer
from tests.tools.bench.assignment.preload import LINES, Preloaded, PreloadJob
from tests.tools.bench.assignment.results import Outcome, figures_of, kill_figure, preload_figure
from tests.tools.bench.bench import Bench, buckets_for
from tests.tools.bench.client.probe import Probe
from tests.tools.bench.comparison.run import compare
from tests.tools.bench.effort import AssignmentLoad
from tests.tools.bench.load_tool import WideLoad, run_load
from tests.tools.bench.measurement.beside import beside
from tests.tools.bench.measurement.result import MeasurementError
from tests.tools.bench.measurement.worker_metrics import read_partitions, wait_written
from tests.tools.bench.report.figure import Figure, at_most

MOST_AGE_SECONDS = 600.0
PARTITIONS = 12
_SLACK_SECONDS = 120.0
_SLOWEST_PER_SECOND = 3_000.0
_KNOWN_DOMAINS = 1_000_000
"""Of a partition, at least."""
_KILL_AT = 0.8
_WARM_UP_DOMAINS = 10
_CONNECTIONS = "16"


@dataclass(slots=True)
class Run:
    """One run of the load on tiers of its own."""

    bench: Bench
    tiers: Stack
    load: AssignmentLoad
    wide: WideLoad
    ingest: TierProcess
    workers: list[TierProcess]
    probe: Probe
    observer: Observer

    @property
    def buckets(self) -> int:
        """Of the keyspace: the default for ten million domains."""
        return buckets_for(self.load.domains)


async def measure(bench: Bench) -> AsyncIterator[Figure]:
    """Yield the figures."""
    load = bench.assignment
    if load.kill and load.workers == 1:
        raise MeasurementError("--kill needs a worker that takes over: add --workers 2")
    known = max(_KNOWN_DOMAINS, 2 * load.domains // PARTITIONS)
    overrides = {
        "KAFKA_PARTITIONS": str(PARTITIONS),
        "CASSANDRA_BUCKETS": str(buckets_for(load.domains)),
        "CONSUMER_MAX_COUNT_AGE_SECONDS": f"{MOST_AGE_SECONDS:g}",
        "CONSUMER_MAX_KNOWN_DOMAINS": str(known),
    }
    async with bench.stack("assignment", **overrides) as tiers:
        (ingest,), workers, (query,) = await tiers.all(workers=load.workers)
        observer = Observer(tiers.http, ingest, workers, bench.report)
        observer.processes |= {
            tier.name: tier.running.pid for tier in (ingest, *workers, query)
        } | {node.name: node.pid for node in bench.servers.nodes if node.pid is not None}
        probe = Probe(tiers.http, ingest, query, MOST_AGE_SECONDS)
        wide = WideLoad.new(bench, load.domains)
        run = Run(bench, tiers, load, wide, ingest, workers, probe, observer)
        async with beside(observer.run()):
            yield await _preload(run)
            await probe.run(_WARM_UP_DOMAINS)
            outcome, recovery = await _send(run)
            for figure in figures_of(load, outcome, MOST_AGE_SECONDS):
                yield figure
            if load.kill:
                yield kill_figure(recovery, MOST_AGE_SECONDS)
        yield await _compare(run)


async def _preload(run: Run) -> Figure:
    load, bench = run.load, run.bench
    bench.report(f"every one of {load.domains:,} domains is counted once, through the product")
    began = perf_counter()
    job = PreloadJob(
        url=run.ingest.url,
        seed=run.wide.seed,
        domains=load.domains,
        buckets=run.buckets,
        partitions=PARTITIONS,
    )
    await bench.run(
        "tests.tools.bench.assignment.preload",
        msgspec.json.encode(job).decode(),
        kind=Preloaded,
        seconds=_SLACK_SECONDS + load.domains / _SLOWEST_PER_SECOND,
    )
    await _wait_written(run)
    return preload_figure(load, perf_counter() - began)


async def _wait_written(run: Run) -> None:
    """Return when everything is counted: perhaps a row of every domain is still to be written."""
    limit = MOST_AGE_SECONDS + run.load.domains / _SLOWEST_PER_SECOND
    for worker in run.observer.workers:
        await wait_written(run.tiers.http, worker, limit)


async def _send(run: Run) -> tuple[Outcome, Sequence[float | None]]:
    """Send the load; return what was seen of it, and the result of ``_kill``."""
    load, observer, probe = run.load, run.observer, run.probe
    run.bench.report(f"{load.rate:,.0f} events/s for {load.minutes:g} minutes")
    first = await observer.sample()
    since, seen = len(observer.samples), len(probe.sightings)
    stop = asyncio.Event()
    recovery: Sequence[float | None] = ()
    killed_at: float | None = None
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(
            run_load(
                run.bench,
                run.ingest,
                run.ingest,  # the query tier is not asked
                rate=load.rate,
                seconds=load.seconds,
                options=(
                    *run.wide.options,
                    *("--mode", "bulk", "--bulk-lines", str(LINES)),
                    *("--connections", _CONNECTIONS),
                ),
                on_start=lambda pid: observer.processes.update(generator=pid),
            )
        )
        watching = tasks.create_task(probe.run_until(stop))
        if load.kill:
            await asyncio.sleep(load.seconds * _KILL_AT)
            killed_at = perf_counter()
            recovery = await _kill(run)
        report = await sending
        stop.set()
        while_sending = observer.samples[since:]
        await watching
    ended = perf_counter()
    await _wait_written(run)
    outcome = Outcome(
        report=report,
        first=first,
        while_sending=[s for s in while_sending if killed_at is None or s.at < killed_at],
        last=await observer.sample(),
        settled_seconds=perf_counter() - ended,
        sightings=[s for s in probe.sightings[seen:] if killed_at is None or s.began < killed_at],
        failures=probe.failures,
    )
    return outcome, recovery


async def _kill(run: Run) -> Sequence[float | None]:
    """Kill a worker; return the seconds until each of its partitions showed a new change."""
    worker = run.observer.workers[-1]
    partitions = await read_partitions(run.tiers.http, worker)
    await run.observer.sample()
    del run.observer.workers[-1]
    run.bench.report(f"{worker.name} is killed; it had the partitions {partitions}")
    await worker.kill()
    return await run.probe.watch_all([_domain_in(p, run.buckets) for p in partitions])


def _domain_in(partition: int, buckets: int) -> str:
    """Return a domain of *partition*."""
    names = (f"fresh-{number}.example.com" for number in count())
    return next(name for name in names if partition_of(name, PARTITIONS, buckets) == partition)


async def _compare(run: Run) -> Figure:
    """Compare every row of the table."""
    run.bench.report("every count is compared")
    found = await compare(
        run.bench,
        run.tiers,
        run.wide,
        buckets=run.buckets,
        preloaded=True,
        bounces=run.probe.domains,
    )
    per_second = found.rows / found.seconds
    return Figure(
        name="domains with wrong counts, every one compared",
        unit="domains",
        ours=float(found.wrong + found.unexpected),
        goal=at_most(0),
        detail=(
            f"{found.domains:,} domains, {found.verdict}; {found.unexpected:,} were never sent "
            f"{found.first_unexpected}; {found.rows:,} rows read from the table as the query tier "
            f"adds them up, {per_second:,.0f}/s"
        ),
    )
