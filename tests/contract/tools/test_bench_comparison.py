"""The bench compares counts with the real table."""

from array import array
from pathlib import Path
from secrets import randbelow

from consumer.counting.rows.writer_rows import RowIncrement
from shared.cassandra.session import Session
from shared.config import CassandraConfig
from shared.model.partitioning import DEFAULT_BUCKETS, bucket_of
from tests.contract.harness.stores import new_writer, real_store
from tests.tools.bench.comparison.compare import BucketScan
from tests.tools.bench.comparison.job import ComparisonJob
from tests.tools.bench.comparison.population import preloaded
from tests.tools.load.sending.ledger_file import write_ledger
from tests.tools.load.streams.event import Kind
from tests.tools.load.streams.stream import CODE, code_of
from tests.tools.load.streams.wide_stream import WideStream
from tests.tools.load.verification.ledger import Ledger

DOMAINS = 200_000
EVENTS = 3


async def test_a_wrong_count_in_the_table_is_found(
    session: Session, cassandra_config: CassandraConfig, tmp_path: Path
) -> None:
    """Of the domains of a bucket one has an event too many; all others are right."""
    seed = randbelow(2**32)
    stream = WideStream(seed, DOMAINS)
    bucket = bucket_of(stream.name(0), DEFAULT_BUCKETS)
    numbers = [n for n in range(DOMAINS) if bucket_of(stream.name(n), DEFAULT_BUCKETS) == bucket]
    ledger = Ledger()
    ledger.accept(array(CODE, [code_of(n, Kind.DELIVERED) for n in numbers for _ in range(EVENTS)]))
    write_ledger(ledger, tmp_path / "ledger")
    rows = []
    for number in numbers:
        delivered, bounced = preloaded(stream, number)
        too_many = int(number == numbers[-1])
        counts = delivered + EVENTS + too_many, bounced
        rows.append(RowIncrement(stream.name(number).encode(), new_writer(), *counts, 9))
    await (await real_store(session)).store.write(f"comparison-{seed}/0", bucket, rows)

    found = await BucketScan(
        ComparisonJob(
            contact_points=cassandra_config.contact_points,
            keyspace=session.keyspace,
            buckets=DEFAULT_BUCKETS,
            first=bucket,
            processes=DEFAULT_BUCKETS,
            ledger_file=str(tmp_path / "ledger"),
            seed=seed,
            domains=DOMAINS,
            preloaded=True,
        )
    ).run(session)

    assert (found.domains, found.rows, found.wrong) == (len(numbers), len(numbers), 1)
    assert found.reasons[0].startswith(f"{stream.name(numbers[-1])} has ")
