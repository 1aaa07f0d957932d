"""Row 5: counter rows into Cassandra through our store, compared with one update per request."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from itertools import cycle

from cassandra.query import BatchStatement, BatchType

from consumer.counter_store import MAX_ROWS, CassandraCounterStore
from consumer.counting.rows.writer_rows import RowIncrement
from shared.cassandra.session import Session, open_session
from shared.config import CassandraConfig
from shared.model.domain import DomainName, parse_domain
from shared.model.partitioning import DEFAULT_BUCKETS, bucket_of
from tests.fakes.writers import writers
from tests.tools.bench.bench import Bench
from tests.tools.bench.measurement.result import WorkResult
from tests.tools.bench.report.figure import Figure, Reference, number

DOMAINS = 20_000
ONE_BY_ONE_IN_FLIGHT = 128
"""One row per request needs more requests in flight to keep Cassandra busy."""
LOG = "bench/0"
_PLAIN_TABLE = "CREATE TABLE {keyspace}.plain_rows (domain text PRIMARY KEY, total bigint)"
_PLAIN_INSERT = "INSERT INTO {keyspace}.plain_rows (domain, total) VALUES (?, ?)"

IN_FLIGHT = 8
BucketRows = tuple[int, Sequence[RowIncrement]]
Write = Callable[[int, Sequence[RowIncrement]], Awaitable[None]]


async def measure(bench: Bench) -> AsyncIterator[Figure]:
    """Yield the figures."""
    async with bench.stack("rows") as tiers:
        config = CassandraConfig(
            contact_points=bench.servers.contact_points, keyspace=tiers.name.replace("-", "_")
        )
        async with open_session(config) as session:
            store = await CassandraCounterStore.prepare(session)
            plain = await _plain_writer(session)
            rows = list(rows_of(DOMAINS))
            batches = [
                (bucket, rows[start : start + MAX_ROWS])
                for bucket, start in enumerate(range(0, DOMAINS, MAX_ROWS))
            ]
            ones = [(number_, [row]) for number_, row in enumerate(rows)]

            async def write(bucket: int, batch: Sequence[RowIncrement]) -> None:
                await store.write(LOG, bucket, batch)

            ours = await _write(bench, write, batches, IN_FLIGHT)
            single = await _write(bench, write, ones, ONE_BY_ONE_IN_FLIGHT)
            ceiling = await _write(bench, plain, batches, IN_FLIGHT)
    one_each = "one update per request"
    yield Figure(
        name="counter rows through the store",
        unit="rows/s",
        ours=ours.per_second,
        reference=Reference(one_each, single.per_second),
        detail=(
            f"buckets of {MAX_ROWS}, {IN_FLIGHT} in flight (reference: {ONE_BY_ONE_IN_FLIGHT}), "
            f"{DOMAINS:,} rows in turn; ceiling, plain inserts in such batches: "
            f"{number(ceiling.per_second)}/s"
        ),
    )
    yield Figure(
        name="CPU of the client per counter row",
        unit="us",
        ours=ours.cpu_us,
        reference=Reference(one_each, single.cpu_us),
        detail=f"plain inserts in batches: {number(ceiling.cpu_us)} us",
    )


def rows_of(domains: int, delivered: int = 1, bounced_every: int = 0) -> Iterable[RowIncrement]:
    """Yield an increment of a row for each domain.

    Every *bounced_every*-th domain has a bounce, unless it is 0.
    """
    new_writer = writers()
    for number_ in range(domains):
        yield RowIncrement(
            stored_name(number_).encode(),
            new_writer(),
            delivered,
            int(bounced_every > 0 and number_ % bounced_every == 0),
            applied_offset=number_ + 1,
        )


def by_bucket(rows: Iterable[RowIncrement]) -> list[BucketRows]:
    """Return *rows* by their buckets, as many at a time as a write may have."""
    buckets: dict[int, list[RowIncrement]] = defaultdict(list)
    for row in rows:
        buckets[bucket_of(row.domain, DEFAULT_BUCKETS)].append(row)
    return [
        (bucket, found[start : start + MAX_ROWS])
        for bucket, found in buckets.items()
        for start in range(0, len(found), MAX_ROWS)
    ]


def stored_name(index: int) -> DomainName:
    """Return the name of domain *index*, as in the requests of row 6."""
    return parse_domain(f"stored-{index}.example.com")


async def write_all(write: Write, batches: Sequence[BucketRows], in_flight: int) -> None:
    """Write every batch once."""
    waiting = iter(batches)

    async def work() -> None:
        for bucket, rows in waiting:
            await write(bucket, rows)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(in_flight):
            tasks.create_task(work())


async def _write(
    bench: Bench, write: Write, batches: Sequence[BucketRows], in_flight: int
) -> WorkResult:
    """Write *batches* repeatedly: first to warm up, then to measure."""
    again = cycle(batches)
    effort, clock = bench.effort, time.perf_counter
    for seconds in (effort.warm_up_seconds, effort.measure_seconds):
        rows, began, cpu = 0, clock(), time.process_time()

        async def work(deadline: float = began + seconds) -> None:
            nonlocal rows
            while clock() < deadline:
                bucket, batch = next(again)
                await write(bucket, batch)
                rows += len(batch)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(in_flight):
                tasks.create_task(work())
        found = WorkResult(
            done=rows, seconds=clock() - began, cpu_seconds=time.process_time() - cpu
        )
    return found


async def _plain_writer(session: Session) -> Write:
    await session.write(_PLAIN_TABLE.format(keyspace=session.keyspace))
    insert = await session.prepare(_PLAIN_INSERT.format(keyspace=session.keyspace))

    async def write(_: int, rows: Sequence[RowIncrement]) -> None:
        batch = BatchStatement(batch_type=BatchType.UNLOGGED)
        for row in rows:
            batch.add(insert.bind((row.domain.decode(), row.delivered)))
        await session.write(batch)

    return write
