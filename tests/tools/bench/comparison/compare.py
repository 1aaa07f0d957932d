"""Compare the counts of every domain: ``python -m tests.tools.bench.comparison.compare JOB``.

Reads the table bucket by bucket, at a quorum, and adds the rows of a domain up as the query tier
does. JOB is a file; the result is printed as JSON.
"""

import asyncio
import sys
from array import array
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import msgspec
import uvloop

from shared.cassandra.session import Session, open_session
from shared.config import CassandraConfig
from shared.errors import StoreUnavailableError
from shared.model.partitioning import bucket_of
from tests.tools.bench.comparison.counts import (
    CountComparison,
    Due,
    Row,
    add,
    first_bounce,
    numbers_by_bucket,
)
from tests.tools.bench.comparison.job import ComparisonJob, ComparisonResult
from tests.tools.bench.comparison.population import preloaded
from tests.tools.bench.environment.servers import quieten
from tests.tools.bench.measurement.result import print_result
from tests.tools.load.sending.ledger_file import read_ledger
from tests.tools.load.streams.wide_stream import WideStream

_READ = (
    "SELECT domain, log, delivered, bounced, applied_offset"
    " FROM {keyspace}.domain_counters WHERE bucket = ?"
)
_PAGE_ROWS = 5_000
_IN_FLIGHT = 4
_TRIES = 10
_PAUSE_SECONDS = 1.0
_READ_SECONDS = 30.0


class BucketScan:
    """The comparison of some buckets of a table."""

    def __init__(self, job: ComparisonJob) -> None:
        self._job = job
        self._ledger = read_ledger(Path(job.ledger_file))
        self._stream = WideStream(job.seed, job.domains)
        numbers = range(job.domains) if job.preloaded else self._ledger.numbers()
        self._numbers = numbers_by_bucket(numbers, self._stream.name, job.buckets)
        self._bounces: dict[int, dict[str, Due]] = defaultdict(dict)
        for domain, accepted in job.bounces.items():
            self._bounces[bucket_of(domain, job.buckets)][domain] = first_bounce(accepted)
        self._comparison = CountComparison()

    async def run(self, session: Session) -> ComparisonResult:
        """Read and compare every bucket of the job."""
        job, began = self._job, perf_counter()
        self._session = session
        self._statement = await session.prepare(
            _READ.format(keyspace=session.keyspace), fetch_size=_PAGE_ROWS
        )
        buckets = iter(range(job.first, job.buckets, job.processes))

        async def work() -> None:
            for bucket in buckets:
                rows = await self._read(bucket)
                self._comparison.compare(rows, self._expected(bucket))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(_IN_FLIGHT):
                tasks.create_task(work())
        found = self._comparison
        return ComparisonResult(
            domains=found.domains,
            wrong=found.wrong,
            unexpected=found.unexpected,
            rows=found.rows,
            seconds=perf_counter() - began,
            reasons=found.reasons,
            first_unexpected=found.first_unexpected,
        )

    async def _read(self, bucket: int) -> Sequence[Row]:
        """Return the rows of *bucket*; a node that has just had a heavy load may need a pause."""
        for _ in range(_TRIES - 1):
            try:
                return await self._read_once(bucket)
            except StoreUnavailableError:
                await asyncio.sleep(_PAUSE_SECONDS)
        return await self._read_once(bucket)

    async def _read_once(self, bucket: int) -> Sequence[Row]:
        rows: Sequence[Row] = await self._session.read_pages(self._statement.bind((bucket,)))
        return rows

    def _expected(self, bucket: int) -> dict[str, Due]:
        numbers: array[int] = self._numbers[bucket]
        name, sent = self._stream.name, self._ledger.least_and_most
        if not self._job.preloaded:
            return {name(number): sent(number) for number in numbers}
        due = {
            name(number): add(sent(number), *preloaded(self._stream, number)) for number in numbers
        }
        return due | self._bounces.get(bucket, {})


async def _compare(job: ComparisonJob) -> ComparisonResult:
    scan = BucketScan(job)
    config = CassandraConfig(
        contact_points=job.contact_points,
        keyspace=job.keyspace,
        read_timeout_seconds=_READ_SECONDS,
    )
    async with open_session(config) as session:
        return await scan.run(session)


def main() -> None:
    """Read the job from the file that the command line names; print the result."""
    quieten()
    job = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=ComparisonJob)
    print_result(uvloop.run(_compare(job)))


if __name__ == "__main__":
    main()
