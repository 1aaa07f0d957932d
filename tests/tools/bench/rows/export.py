"""Row 14: the export of all domains: its speed, its cost, and the memory of the node meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter

import msgspec

from tests.tiers.stack import Stack, TierProcess
from tests.tools.bench.bench import Bench
from tests.tools.bench.measurement.beside import beside
from tests.tools.bench.measurement.cpu import cpu_seconds, resident_bytes
from tests.tools.bench.measurement.result import MeasurementError
from tests.tools.bench.report.figure import Figure, at_least, at_most
from tests.tools.bench.rows.get import store_domains

LEAST_PER_SECOND = 50_000.0
MOST_GROWN_MIB = 64.0
_MIB = 1024 * 1024
_SAMPLE_SECONDS = 0.05


@dataclass(slots=True)
class _Memory:
    """The resident memory of a process: at first, and at most since then."""

    at_first: int
    at_most: int


async def measure(bench: Bench) -> AsyncIterator[Figure]:
    """Yield the figures."""
    domains = bench.effort.exported_domains
    async with bench.stack("export") as tiers:
        await store_domains(bench, tiers, domains)
        node = await tiers.query()
        await _export(tiers, node, domains)  # warms node and Cassandra up
        cpu, began = cpu_seconds(node.running.pid), perf_counter()
        async with _sampled(node.running.pid) as memory:
            sent = await _export(tiers, node, domains)
        seconds = perf_counter() - began
        cpu = cpu_seconds(node.running.pid) - cpu
    yield Figure(
        name=f"export of {domains:,} domains",
        unit="domains/s",
        ours=domains / seconds,
        goal=at_least(LEAST_PER_SECOND),
        detail=f"{sent:,} bytes of NDJSON in {seconds:.1f} s; all domains, each with its counts",
    )
    yield Figure(name="CPU of the node per domain", unit="us", ours=cpu / domains * 1_000_000)
    yield Figure(
        name="memory of the node, grown during the second export",
        unit="MiB",
        ours=(memory.at_most - memory.at_first) / _MIB,
        goal=at_most(MOST_GROWN_MIB),
        detail=f"at most {memory.at_most / _MIB:.0f} MiB",
    )


async def _export(tiers: Stack, node: TierProcess, domains: int) -> int:
    """Read an export and return its bytes."""
    sent, lines, end = 0, 0, b""
    async with tiers.http.get(f"{node.url}/domains") as answer:
        async for chunk in answer.content.iter_any():
            sent += len(chunk)
            lines += chunk.count(b"\n")
            end = (end + chunk)[-1_000:]
    last = msgspec.json.decode(end.splitlines()[-1])
    if lines != domains + 1 or not last["complete"]:
        raise MeasurementError(f"{lines:,} lines, the last one {last}")
    return sent


@asynccontextmanager
async def _sampled(pid: int) -> AsyncIterator[_Memory]:
    memory = _Memory(resident_bytes(pid), 0)

    async def sample() -> None:
        while True:
            memory.at_most = max(memory.at_most, resident_bytes(pid))
            await asyncio.sleep(_SAMPLE_SECONDS)

    async with beside(sample()):
        yield memory
