"""Row 6: the answers of a query node, hot and cold, compared with servers that read nothing.

Hot answers come from memory. The reference for cold ones is the driver alone, which reads domains
one by one.
"""

from collections.abc import AsyncIterator
from functools import partial

from consumer.counter_store import CassandraCounterStore
from shared.cassandra.session import open_session
from shared.config import CassandraConfig
from tests.tiers.stack import Stack
from tests.tools.bench.bench import Bench, Target, target_of
from tests.tools.bench.client.pump_job import PumpJob, PumpResult
from tests.tools.bench.client.requests import Workload
from tests.tools.bench.measurement.result import WorkResult
from tests.tools.bench.report.figure import Figure, Of, Reference, at_least, at_most
from tests.tools.bench.rows.counter_rows import LOG, by_bucket, rows_of, write_all
from tests.tools.bench.rows.put_one_core import BARE_AIOHTTP

CONNECTIONS = 128
HOT_DOMAINS = (1, 1_000)
LEAST_HOT_RATIO, LEAST_COLD_RATIO = 0.7, 0.8
NAMES = 1_000
MOST_BULK_MS = 1_000.0
IN_FLIGHT = 8
DELIVERED, BOUNCED_EVERY = 1_204, 2


async def measure(bench: Bench) -> AsyncIterator[Figure]:
    """Yield the figures."""
    stored = bench.effort.stored_domains
    async with (
        bench.reference("bare-aiohttp", *BARE_AIOHTTP) as bare_target,
        bench.stack("get") as tiers,
    ):
        config = await store_domains(bench, tiers, stored)
        # The driver comes first: it warms Cassandra up for our reads.
        driver = await bench.run(
            "tests.tools.bench.reference.driver_reads",
            *(config.contact_points, config.keyspace, str(stored), str(CONNECTIONS)),
            kind=WorkResult,
            seconds=stored / 100,
        )
        target = await _target(tiers)
        jobs = {str(domains): (target, _job(bench, domains)) for domains in HOT_DOMAINS}
        hot = await bench.pump_in_turns({"bare": (bare_target, _job(bench, 1)), **jobs})
        # A node remembers final answers: each cold measurement needs a new node.
        cold = await bench.pump(await _target(tiers), _job(bench, stored, once=True))
        bulk = await bench.pump(await _target(tiers), _job(bench, stored, once=True, names=NAMES))
    for domains in HOT_DOMAINS:
        result = hot[str(domains)]
        yield Figure(
            name=f"GET hot, {domains:,} domain(s) again and again",
            unit="1/s",
            ours=result.per_second,
            reference=Reference("bare aiohttp, a fixed document", hot["bare"].per_second),
            goal=at_least(LEAST_HOT_RATIO, Of.RATIO),
            detail=_describe(result),
        )
    yield Figure(
        name=f"GET cold, {stored:,} domains once each",
        unit="1/s",
        ours=cold.per_second,
        reference=Reference("the driver alone, the same rows", driver.per_second),
        goal=at_least(LEAST_COLD_RATIO, Of.RATIO),
        detail=f"{_describe(cold)}; driver {driver.cpu_us:.0f} us CPU per read",
    )
    yield Figure(
        name=f"POST of {NAMES:,} names, cold, one after the other, the slowest",
        unit="ms",
        ours=bulk.times.most,
        goal=at_most(MOST_BULK_MS),
        detail=f"{bulk.times}; CPU {bulk.cpu_us('server') / NAMES:.0f} us per name",
    )


async def store_domains(bench: Bench, tiers: Stack, domains: int) -> CassandraConfig:
    """Write counters of *domains*, every other one with a bounce; return their topic partition."""
    config = CassandraConfig(
        contact_points=bench.servers.contact_points, keyspace=tiers.name.replace("-", "_")
    )
    async with open_session(config) as session:
        store = await CassandraCounterStore.prepare(session)
        batches = by_bucket(rows_of(domains, DELIVERED, BOUNCED_EVERY))
        await write_all(partial(store.write, LOG), batches, IN_FLIGHT)
    return config


async def _target(tiers: Stack) -> Target:
    node = await tiers.query()
    return target_of(node.url, node.running.pid)


def _job(bench: Bench, domains: int, *, once: bool = False, names: int = 1) -> PumpJob:
    effort = bench.effort
    return PumpJob(
        workload=Workload.GET if names == 1 else Workload.ASK,
        connections=CONNECTIONS if names == 1 else 1,
        warm_up_seconds=0.0 if once else effort.warm_up_seconds,
        # Once: until every domain was requested, however long that takes.
        seconds=max(60.0, domains / 100) if once else effort.measure_seconds,
        domains=domains,
        lines=names,
        once=once,
    )


def _describe(result: PumpResult) -> str:
    return (
        f"{CONNECTIONS} connections; {result.times}; CPU {result.cpu_us('server'):.0f} us per GET; "
        f"refused {result.refused:,}"
    )
