"""Row 11: one, two and four processes of each tier, and the cores that each part used.

All parts, including the client, Kafka and Cassandra, share the same cores. If these are few, a
second process takes them from another part; the CPU figures in the details show from which.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from time import perf_counter

import msgspec

from tests.tiers.stack import TierProcess
from tests.tools.bench.bench import Bench, Target, target_of
from tests.tools.bench.client.pump_job import PumpJob, PumpResult, put_job
from tests.tools.bench.client.requests import Workload
from tests.tools.bench.environment.topic import fill
from tests.tools.bench.measurement.cpu import cpu_seconds
from tests.tools.bench.measurement.result import MeasurementError
from tests.tools.bench.measurement.worker_metrics import POLL_SECONDS, read
from tests.tools.bench.report.figure import Figure, Reference
from tests.tools.bench.rows.bulk import bulk_job
from tests.tools.bench.rows.get import CONNECTIONS as GET_CONNECTIONS
from tests.tools.bench.rows.get import HOT_DOMAINS, store_domains
from tests.tools.load.streams.stream import events_of
from tests.tools.load.streams.waves_stream import WavesStream

PROCESSES = (1, 2, 4)
_SEED = 11
_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Scaled:
    """The rate of a number of processes, and the cores that each part used on average."""

    processes: int
    per_second: float
    cores: Mapping[str, float]

    def figure(self, name: str, unit: str, one: "Scaled | None") -> Figure:
        """Return the line of the table; its reference is the rate of *one* process."""
        used = ", ".join(f"{part} {cores:.2f}" for part, cores in self.cores.items())
        return Figure(
            name=f"{name}, {self.processes} process(es)",
            unit=unit,
            ours=self.per_second,
            reference=None if one is None else Reference("1 process", one.per_second),
            detail=f"cores used: {used}",
        )


async def measure(bench: Bench) -> AsyncIterator[Figure]:
    """Yield each figure as soon as it is known."""
    for name, unit, scaled in (
        ("scaling, PUT", "1/s", _puts),
        ("scaling, bulk, waves", "events/s", _bulk),
        ("scaling, workers, waves", "records/s", _workers),
        (f"scaling, GET hot, {HOT_DOMAINS[-1]:,} domains", "1/s", _gets),
    ):
        one: Scaled | None = None
        for processes in PROCESSES:
            bench.report(f"{name}: {processes} process(es)")
            found = await scaled(bench, processes)
            yield found.figure(name, unit, one)
            one = one or found


async def _puts(bench: Bench, processes: int) -> Scaled:
    return await _ingest(bench, processes, put_job(bench.effort), lambda result: result.good)


async def _bulk(bench: Bench, processes: int) -> Scaled:
    job = bulk_job(bench.effort, Workload.BULK_WAVES)
    return await _ingest(bench, processes, job, lambda result: result.events)


async def _ingest(
    bench: Bench, processes: int, job: PumpJob, done: Callable[[PumpResult], int]
) -> Scaled:
    async with bench.stack("scaling", INGEST_PROCESSES=str(processes)) as tiers:
        node = await tiers.ingest()
        result = await bench.pump(target_of(node.url, node.running.pid), _watching(bench, job))
        return scaled_of(processes, [result], done(result))


async def _gets(bench: Bench, processes: int) -> Scaled:
    """Load query nodes in parallel, each with its share, as a load balancer would."""
    async with bench.stack("scaling") as tiers:
        await store_domains(bench, tiers, HOT_DOMAINS[-1])
        nodes = await asyncio.gather(*(tiers.query() for _ in range(processes)))
        job = PumpJob(
            workload=Workload.GET,
            connections=max(1, GET_CONNECTIONS // processes),
            warm_up_seconds=bench.effort.warm_up_seconds,
            seconds=bench.effort.measure_seconds,
            domains=HOT_DOMAINS[-1],
        )
        targets = [target_of(node.url, node.running.pid) for node in nodes]
        results = await asyncio.gather(*(_load_node(bench, target, job) for target in targets))
        return scaled_of(processes, results, sum(result.good for result in results))


async def _load_node(bench: Bench, target: Target, job: PumpJob) -> PumpResult:
    return await bench.pump(target, _watching(bench, job))


def _watching(bench: Bench, job: PumpJob) -> PumpJob:
    return msgspec.structs.replace(job, watched=_servers(bench))


def scaled_of(processes: int, results: list[PumpResult], done: int) -> Scaled:
    """Sum the results of several pumps: each has the servers, and its own client and node."""
    seconds = max(result.seconds for result in results)
    first = results[0]
    cores = {
        "nodes": sum(result.cpu["server"] / result.seconds for result in results),
        "client": sum(result.own_cpu / result.seconds for result in results),
        **{name: used / first.seconds for name, used in first.cpu.items() if name != "server"},
    }
    return Scaled(processes, done / seconds, cores)


async def _workers(bench: Bench, processes: int) -> Scaled:
    """Let new workers read a full topic to its end, from the first reading with records."""
    records = bench.effort.topic_records
    async with bench.stack("scaling") as tiers:
        await fill(
            bench.servers.bootstrap_servers,
            f"{tiers.name}-events",
            islice(events_of(WavesStream(_SEED)), records),
        )
        workers = await asyncio.gather(*(tiers.worker() for _ in range(processes)))
        watched = _servers(bench)
        looks: list[tuple[float, float, dict[str, float]]] = []
        deadline = perf_counter() + _SECONDS
        while True:
            seen = [await read(tiers.http, worker) for worker in workers]
            total = sum(reading.records for reading in seen)
            if total:
                looks.append((perf_counter(), total, _used(workers, watched)))
            if total >= records:
                break
            if perf_counter() > deadline:
                raise MeasurementError(f"{total:,.0f} of {records:,} records in {_SECONDS:g} s")
            await asyncio.sleep(POLL_SECONDS)
    if len(looks) < 2:
        raise MeasurementError(
            f"{records:,} records were read between two readings: the row needs more records"
        )
    (began, first, before), (ended, last, after) = looks[0], looks[-1]
    seconds = ended - began
    cores = {name: (after[name] - before[name]) / seconds for name in after}
    return Scaled(processes, (last - first) / seconds, cores)


def _used(workers: list[TierProcess], watched: Mapping[str, int]) -> dict[str, float]:
    used = {"workers": sum(cpu_seconds(worker.running.pid) for worker in workers)}
    used |= {name: cpu_seconds(pid) for name, pid in watched.items()}
    return used


def _servers(bench: Bench) -> dict[str, int]:
    """Return the processes of Kafka and Cassandra that this run started."""
    return {node.name: node.pid for node in bench.servers.nodes if node.pid is not None}
