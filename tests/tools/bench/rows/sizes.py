"""Row 12: bytes of an event in Kafka's log, of a counter row on disk, of an idle process.

It measures files and memory, not times, so the machine may be busy.
"""

from collections.abc import AsyncIterator
from functools import partial
from itertools import islice

from consumer.counter_store import CassandraCounterStore
from deploy import prepare
from deploy.servers.backends import open_servers
from shared.cassandra.session import open_session
from shared.config import CassandraConfig, KafkaConfig
from shared.kafka.topic import open_topic
from shared.model.domain import parse_domain
from shared.model.event import Event, EventKind
from shared.model.partitioning import partition_of
from shared.model.record import encode_event
from tests.servers.loopback import random_prefix
from tests.servers.nodetool import nodetool, table_bytes
from tests.tools.bench.bench import Bench, target_of
from tests.tools.bench.client.pump_job import PumpJob
from tests.tools.bench.client.requests import Workload
from tests.tools.bench.measurement.cpu import resident_bytes
from tests.tools.bench.measurement.result import MeasurementError
from tests.tools.bench.report.figure import Figure
from tests.tools.bench.rows.bulk import CONNECTIONS, LINES
from tests.tools.bench.rows.counter_rows import by_bucket, rows_of, write_all
from tests.tools.load.streams.stream import events_of
from tests.tools.load.streams.waves_stream import WavesStream

_SEED = 12
_PUTS = 2_000
_NODES = 3
_UPDATES_PER_ROW = 8
"""By then each of three nodes has, in all likelihood, led an update and has a shard of its own."""
_IN_FLIGHT = 8
_KEYSPACE = "sizes"
_SECONDS = 600.0


async def measure(bench: Bench) -> AsyncIterator[Figure]:
    """Yield the figures."""
    wide = f"wide uniform, {bench.effort.wide_domains:,} domains"
    for name, workload in (("waves", Workload.BULK_WAVES), (wide, Workload.BULK_WIDE)):
        yield await _bulk(bench, name, workload)
    yield await _alone(bench)
    async for figure in _idle(bench):
        yield figure
    yield await _rows(bench)


async def _bulk(bench: Bench, name: str, workload: Workload) -> Figure:
    async with bench.stack("sizes") as tiers:
        node = await tiers.ingest()
        result = await bench.pump(
            target_of(node.url, node.running.pid),
            PumpJob(
                workload=workload,
                events=bench.effort.bulk_events,
                connections=CONNECTIONS,
                seconds=_SECONDS,
                domains=bench.effort.wide_domains,
                lines=LINES,
                once=True,
            ),
        )
        size = _log_bytes(bench, f"{tiers.name}-events")
    return _per_event(f"Kafka's log per event by bulk, {name}", size, result.events)


async def _alone(bench: Bench) -> Figure:
    """Send each event in a batch of its own, like PUTs on an idle system: the maximum per event."""
    async with bench.stack("sizes") as tiers:
        topic = f"{tiers.name}-events"
        config = KafkaConfig(bootstrap_servers=bench.servers.bootstrap_servers, topic=topic)
        async with open_topic(config, topic) as log:
            for sent in islice(events_of(WavesStream(_SEED)), _PUTS):
                domain = parse_domain(sent.name)
                at = partition_of(domain, log.partitions)
                await log.append(at, [encode_event(Event(domain, EventKind.DELIVERED))])
        size = _log_bytes(bench, topic)
    return _per_event("Kafka's log per event, each PUT alone", size, _PUTS)


async def _idle(bench: Bench) -> AsyncIterator[Figure]:
    async with bench.stack("idle") as tiers:
        for name, start in (
            ("ingest node", tiers.ingest),
            ("worker", tiers.worker),
            ("query node", tiers.query),
        ):
            process = await start()
            size = resident_bytes(process.running.pid)
            yield Figure(name=f"memory of an idle {name}", unit="bytes", ours=float(size))


def _per_event(name: str, size: int, events: int) -> Figure:
    return Figure(
        name=name,
        unit="bytes",
        ours=size / events,
        detail=f"{events:,} events, {size:,} bytes in one replica",
    )


def _log_bytes(bench: Bench, topic: str) -> int:
    if not bench.servers.kafka:
        raise MeasurementError("this run did not start the brokers: their files are out of reach")
    data = bench.servers.kafka[0].plan.command.folder / "data"
    return sum(file.stat().st_size for file in data.glob(f"{topic}-*/*.log"))


async def _rows(bench: Bench) -> Figure:
    """Use three nodes, since a row has a shard for each node that ever led an update."""
    rows = bench.effort.stored_domains
    data = bench.folder / f"{bench.number()}-ring"
    async with open_servers(
        data, nodes=_NODES, prefix=random_prefix(), brokers=False, report=bench.report
    ) as ring:
        if not ring.cassandra:
            raise MeasurementError("this run did not start Cassandra: its files are out of reach")
        config = CassandraConfig(contact_points=ring.contact_points, keyspace=_KEYSPACE)
        await prepare.create_schema(config, {"datacenter1": _NODES})
        async with open_session(config) as session:
            store = await CassandraCounterStore.prepare(session)
            batches = by_bucket(rows_of(rows))
            for _ in range(_UPDATES_PER_ROW):
                await write_all(partial(store.write, "sizes/0"), batches, _IN_FLIGHT)
        for node in ring.cassandra:
            await nodetool(node, "flush", _KEYSPACE)
            await nodetool(node, "compact", _KEYSPACE)
        sizes = [table_bytes(node, _KEYSPACE, "domain_counters") for node in ring.cassandra]
    return Figure(
        name="counter row on disk, one of three replicas",
        unit="bytes",
        ours=sum(sizes) / len(sizes) / rows,
        detail=f"{rows:,} rows of {_UPDATES_PER_ROW} updates, flushed and compacted: "
        f"{', '.join(f'{size:,}' for size in sizes)} bytes on the nodes",
    )
