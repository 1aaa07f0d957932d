"""Compare the counts of a load in processes of their own."""

import asyncio
from collections.abc import Mapping

import msgspec

from tests.tiers.stack import Stack
from tests.tools.bench.bench import Bench
from tests.tools.bench.comparison.job import ComparisonJob, ComparisonResult, add_up
from tests.tools.bench.load_tool import WideLoad

_SLOWEST_PER_SECOND = 5_000.0
"""Domains; one process would need no longer for all of them."""


async def compare(
    bench: Bench,
    tiers: Stack,
    load: WideLoad,
    *,
    buckets: int,
    preloaded: bool = False,
    bounces: Mapping[str, int] = {},
) -> ComparisonResult:
    """Compare all that *load* sent with the table, when all of it is counted."""
    processes = len(bench.cores)

    async def part(first: int) -> ComparisonResult:
        job = ComparisonJob(
            contact_points=bench.servers.contact_points,
            keyspace=tiers.name.replace("-", "_"),
            buckets=buckets,
            first=first,
            processes=processes,
            ledger_file=str(load.ledger_file),
            seed=load.seed,
            domains=load.domains,
            preloaded=preloaded,
            bounces=dict(bounces),
        )
        file = bench.folder / f"comparison-{bench.number()}.json"
        file.write_bytes(msgspec.json.encode(job))
        return await bench.run(
            "tests.tools.bench.comparison.compare",
            str(file),
            kind=ComparisonResult,
            seconds=load.domains / _SLOWEST_PER_SECOND,
        )

    try:
        async with asyncio.TaskGroup() as tasks:
            parts = [tasks.create_task(part(first)) for first in range(processes)]
        return add_up([task.result() for task in parts])
    finally:
        load.ledger_file.unlink()  # some 40 MiB for ten million domains
