"""Row 6: what a query node answers, hot and cold, beside what answers without reading."""

from collections.abc import AsyncIterator

from consumer.counter_store import CassandraCounterStore
from shared.cassandra import open_session
from shared.config import CassandraConfig
from tests.bench.bench import Bench, Target, target_of
from tests.bench.counter_rows import LOG, updates_of, write_all
from tests.bench.figure import Figure, Reference
from tests.bench.pump_job import PumpJob, PumpResult
from tests.bench.put_one_core import BARE_AIOHTTP
from tests.bench.requests import Workload
from tests.bench.result import WorkResult

CONNECTIONS = 128
"""As many as a query node reads at a time."""
HOT_DOMAINS = (1, 1_000)
BATCH, IN_FLIGHT = 25, 8
DELIVERED, BOUNCED_EVERY = 1_204, 2


async def measure(bench: Bench) -> AsyncIterator[Figure]:
    """Yield the figures."""
    stored = bench.effort.stored_domains
    async with bench.reference("bare-aiohttp", *BARE_AIOHTTP) as target:
        bare = await _pump(bench, target, 1)
    async with bench.stack("get") as tiers:
        config = CassandraConfig(
            contact_points=bench.servers.contact_points, keyspace=tiers.name.replace("-", "_")
        )
        async with open_session(config) as session:
            store = await CassandraCounterStore.prepare(session)
            batches = store.split(updates_of(stored, DELIVERED, BOUNCED_EVERY), BATCH)
            await write_all(lambda batch: store.write(LOG, batch), batches, IN_FLIGHT)
        node = await tiers.query()
        target = target_of(node.url, node.running.pid)
        hot = {domains: await _pump(bench, target, domains) for domains in HOT_DOMAINS}
        driver = await bench.run(
            "tests.bench.reference.driver_reads",
            *(config.contact_points, config.keyspace, str(stored), str(CONNECTIONS)),
            kind=WorkResult,
            seconds=stored / 100,
        )
        # The driver's reads before it have made Cassandra as warm as it was for them.
        cold = await _pump(bench, target, stored, once=True)
    for domains, result in hot.items():
        yield Figure(
            name=f"GET hot, {domains:,} domain(s) again and again",
            unit="1/s",
            ours=result.per_second,
            reference=Reference("bare aiohttp, a fixed document", bare.per_second),
            detail=_describe(result),
        )
    yield Figure(
        name=f"GET cold, {stored:,} domains once each",
        unit="1/s",
        ours=cold.per_second,
        reference=Reference("the driver alone, the same rows", driver.per_second),
        detail=f"{_describe(cold)}; driver {driver.cpu_us:.0f} us CPU per read",
    )


async def _pump(bench: Bench, target: Target, domains: int, *, once: bool = False) -> PumpResult:
    effort = bench.effort
    return await bench.pump(
        target,
        PumpJob(
            workload=Workload.GET,
            connections=CONNECTIONS,
            warm_up_seconds=0.0 if once else effort.warm_up_seconds,
            # Once: until all have been asked, however long that takes.
            seconds=max(60.0, domains / 100) if once else effort.measure_seconds,
            domains=domains,
            once=once,
        ),
    )


def _describe(result: PumpResult) -> str:
    return (
        f"{CONNECTIONS} connections; {result.times}; CPU {result.cpu_us('server'):.0f} us per GET; "
        f"refused {result.refused:,}"
    )
