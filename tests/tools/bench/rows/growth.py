"""Row 9: the cost of an event and of a domain in a worker, as the number of domains grows."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from tests.tools.bench.bench import Bench
from tests.tools.bench.environment.topic import fill
from tests.tools.bench.measurement.cpu import cpu_seconds, resident_bytes
from tests.tools.bench.measurement.worker_metrics import read, wait_read, wait_written
from tests.tools.bench.report.figure import Figure, Reference, number
from tests.tools.load.streams.event import Event, Kind
from tests.tools.load.streams.wide_names import WideNames

_SECONDS = 1_200.0
"""A million first writes take minutes."""
_NAMES_FROM = 0
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one number of domains, from an idle worker until the last event was written."""

    domains: int
    records: int
    seconds: float
    cpu_seconds: float
    bytes_grown: int

    @property
    def cpu_us(self) -> float:
        """CPU microseconds per event."""
        return self.cpu_seconds / self.records * 1_000_000


async def measure(bench: Bench) -> AsyncIterator[Figure]:
    """Yield the figures of each number as soon as they are known: the last takes longest."""
    least: Cost | None = None
    for domains in bench.effort.growth_domains:
        bench.report(f"{domains:,} domains")
        cost = await _measure(bench, domains)
        yield _cpu(cost, least)
        if least is None:
            least = cost
        else:
            yield _memory(cost, least)


def _cpu(cost: Cost, least: Cost | None) -> Figure:
    return Figure(
        name=f"worker, CPU per event at {cost.domains:,} domains",
        unit="us",
        ours=cost.cpu_us,
        reference=None
        if least is None
        else Reference(f"at {least.domains:,} domains", least.cpu_us),
        detail=(
            f"{cost.records:,} records, each domain in turn, until all was written "
            f"({cost.seconds:.0f} s: {number(cost.records / cost.seconds)}/s)"
        ),
    )


def _memory(cost: Cost, least: Cost) -> Figure:
    return Figure(
        name=f"worker, memory per domain at {cost.domains:,} domains",
        unit="bytes",
        ours=(cost.bytes_grown - least.bytes_grown) / (cost.domains - least.domains),
        detail=(
            f"grown by {number(cost.bytes_grown / _MIB)} MiB, less what {least.domains:,} "
            f"domains took ({number(least.bytes_grown / _MIB)} MiB, mostly buffers)"
        ),
    )


async def _measure(bench: Bench, domains: int) -> Cost:
    records = max(bench.effort.growth_records, domains)
    async with bench.stack("growth") as tiers:
        # The worker is idle first: the cost of joining the group does not count.
        worker = await tiers.worker()
        pid = worker.running.pid
        before = await read(tiers.http, worker)
        cpu, resident = cpu_seconds(pid), resident_bytes(pid)
        await fill(
            bench.servers.bootstrap_servers, f"{tiers.name}-events", in_turn(domains, records)
        )
        await wait_read(tiers.http, worker, records, _SECONDS)
        after = await wait_written(tiers.http, worker, _SECONDS)
        return Cost(
            domains,
            records,
            after.at - before.at,
            cpu_seconds(pid) - cpu,
            resident_bytes(pid) - resident,
        )


def in_turn(domains: int, records: int) -> Iterator[Event]:
    """Yield a delivery of each of *domains* in turn, *records* in all."""
    names = WideNames(_NAMES_FROM)
    for index in range(records):
        domain = index % domains
        yield Event(domain, names.name(domain), Kind.DELIVERED)
