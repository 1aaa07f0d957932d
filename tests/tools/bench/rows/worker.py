"""Row 4: a worker on a full topic, compared with the same loop without our code."""

from collections.abc import AsyncIterator
from itertools import islice

from tests.tools.bench.bench import Bench
from tests.tools.bench.environment.topic import fill
from tests.tools.bench.measurement.cpu import cpu_seconds
from tests.tools.bench.measurement.result import MeasurementError, WorkResult
from tests.tools.bench.measurement.trend import Reading
from tests.tools.bench.measurement.worker_metrics import wait_read
from tests.tools.bench.report.figure import Figure, Reference
from tests.tools.bench.rows.ledger_alone import LedgerResult
from tests.tools.load.streams.stream import events_of
from tests.tools.load.streams.waves_stream import WavesStream

_SEED = 11
_SECONDS = 180.0


async def measure(bench: Bench) -> AsyncIterator[Figure]:
    """Yield the figures."""
    records = bench.effort.topic_records
    async with bench.stack("worker") as tiers:
        topic = f"{tiers.name}-events"
        servers = bench.servers.bootstrap_servers
        await fill(servers, topic, islice(events_of(WavesStream(_SEED)), records))
        plain = await bench.run(
            "tests.tools.bench.reference.plain_consumer",
            *(servers, topic, str(records)),
            kind=WorkResult,
            seconds=_SECONDS,
        )
        worker = await tiers.worker()
        seen: list[tuple[Reading, float]] = []
        pid = worker.running.pid

        def observe(reading: Reading) -> None:
            if reading.records:
                seen.append((reading, cpu_seconds(pid)))

        await wait_read(tiers.http, worker, records, _SECONDS, observe)
    if len(seen) < 2:
        raise MeasurementError(
            f"{records:,} records were read between two readings: the row needs more records"
        )
    # From the first reading with records: joining the group does not count.
    (first, first_cpu), (last, last_cpu) = seen[0], seen[-1]
    ours = WorkResult(
        done=int(last.records - first.records),
        seconds=last.at - first.at,
        cpu_seconds=last_cpu - first_cpu,
    )
    same = Reference("getmany, msgspec and a dict", plain.per_second)
    yield Figure(
        name="worker with Cassandra, records read and added up",
        unit="records/s",
        ours=ours.per_second,
        reference=same,
        detail=f"{ours.done:,} records of waves, one event each, measured until the last is read",
    )
    yield Figure(
        name="CPU per record of that worker",
        unit="us",
        ours=ours.cpu_us,
        reference=Reference(same.name, plain.cpu_us),
        detail="Cassandra's driver and the writes included",
    )
    alone = await bench.run(
        "tests.tools.bench.rows.ledger_alone",
        str(bench.effort.ledger_records),
        str(_SEED),
        kind=LedgerResult,
        seconds=_SECONDS,
    )
    yield Figure(
        name="decode and ledger alone, CPU per record",
        unit="us",
        ours=alone.ours.cpu_us,
        reference=Reference("msgspec and a dict alone", alone.plain.cpu_us),
        detail="PartitionTask.process on records in memory: no Kafka, no store",
    )
