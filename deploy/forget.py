"""Forget what was counted for domains: ``python -m deploy.forget example.com ...``.

For senders that reported what never happened. All workers must have ended: they have the totals in
memory and would write them again. Each log (topic partition) with counts of the domain gets a new
row that counts nothing below the end of the log. It has the largest ``applied_offset``, so it is
the answer, and workers skip what the log still has of the domain as counted (EXACTNESS.md). Nothing
is deleted: a deletion carries the clock of its client, so it may hide later updates, or do nothing.
The workers delete the former rows after hours, as all superseded ones.

Run it again after any failure. Exit status: 0 all domains are forgotten; 1 perhaps not all of them;
2 the command line or the environment is wrong.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code

from consumer.__main__ import WriterIds
from consumer.config import WorkerSettings
from consumer.counter_store import CassandraCounterStore
from consumer.counting.rows.superseded import started_at
from consumer.counting.rows.writer_rows import RowIncrement, StoredRow
from shared.cassandra.layout import read_buckets
from shared.cassandra.session import Session, open_session
from shared.config import CassandraConfig, EnvironmentReader, KafkaConfig, LayoutConfig
from shared.errors import BrokerUnavailableError, InputError, PipelineError
from shared.kafka.client import client_arguments
from shared.model.domain import DomainName, parse_domain
from shared.model.partitioning import bucket_of, partition_of
from shared.runtime.lifecycle import main

_READ = (
    "SELECT log, writer, delivered, bounced, applied_offset FROM {keyspace}.domain_counters"
    " WHERE bucket = ? AND domain = ?"
)
_NO_MEMBER = "Empty"


@dataclass(frozen=True, slots=True)
class ForgetConfig:
    """The settings of the workers: this command acts in their place."""

    kafka: KafkaConfig
    cassandra: CassandraConfig
    layout: LayoutConfig
    worker: WorkerSettings


async def run(arguments: argparse.Namespace, config: ForgetConfig) -> None:
    """Forget the domains, unless a worker is in the group. Raises PipelineError."""
    await _require_no_worker(config)
    ends = await _read_ends(config.kafka)
    async with open_session(config.cassandra) as session:
        buckets = await read_buckets(session, config.layout.buckets)
        store = await CassandraCounterStore.prepare(session)
        for domain in arguments.domain:
            bucket = bucket_of(domain, buckets)
            own_log = f"{config.kafka.topic}/{partition_of(domain, len(ends), buckets)}"
            logs = await _read_rows(session, bucket, domain)
            logs.setdefault(own_log, [])
            for log, rows in logs.items():
                row = forgetting_row(domain, rows, ends.get(log, 0), WriterIds().new())
                counted = max(rows, key=lambda each: each.applied_offset, default=row)
                print(
                    f"{domain} {log}: {counted.delivered} delivered, {counted.bounced} bounced "
                    f"below offset {counted.applied_offset}; nothing below {row.applied_offset}"
                )
                if not arguments.dry_run:
                    await store.write(log, bucket, [row])
    await _require_no_worker(config)


def forgetting_row(
    domain: DomainName, rows: Sequence[StoredRow], end: int, writer: bytes
) -> RowIncrement:
    """Return the row that counts nothing below the end of its log, and wins over its *rows*.

    Of rows that count equally far, the one that was started last wins. Raises PipelineError if
    *writer* is older than that of such a row.
    """
    applied = max([end, *(row.applied_offset for row in rows)])
    for row in rows:
        ahead = started_at(row.writer) - started_at(writer)
        if row.applied_offset == applied and ahead >= 0:
            raise PipelineError(
                f"{domain}: the clock of this machine is {ahead:.1f} s or more behind that of a "
                "worker; set it right"
            )
    return RowIncrement(domain.encode(), writer, 0, 0, applied)


async def _read_rows(
    session: Session, bucket: int, domain: DomainName
) -> dict[str, list[StoredRow]]:
    """Return all rows of *domain* by log."""
    statement = await session.prepare(_READ.format(keyspace=session.keyspace))
    logs: dict[str, list[StoredRow]] = {}
    for row in await session.read(statement.bind((bucket, domain))):
        counts = row.delivered or 0, row.bounced or 0, row.applied_offset or 0
        logs.setdefault(row.log, []).append(StoredRow(domain.encode(), row.writer.bytes, *counts))
    return logs


async def _require_no_worker(config: ForgetConfig) -> None:
    """Return if the group exists and has no member. Raises PipelineError."""
    group = config.worker.group
    admin = AIOKafkaAdminClient(**client_arguments(config.kafka))
    try:
        await admin.start()
        (answer,) = await admin.describe_consumer_groups([group])
    except (KafkaError, TimeoutError) as error:
        raise BrokerUnavailableError(f"cannot read the group {group!r}: {error!r}") from error
    finally:
        await admin.close()
    code, _, state, _, _, members, *_ = answer.groups[0]
    if code:
        raise PipelineError(f"cannot read the group {group!r}: {for_code(code).__name__}")
    if members:
        hosts = ", ".join(sorted(member[2] for member in members))
        raise PipelineError(
            f"the group {group!r} has {len(members)} members at {hosts}: stop every worker, and "
            "run this again"
        )
    if state != _NO_MEMBER:
        raise PipelineError(
            f"the group {group!r} is {state}: is CONSUMER_GROUP the one of the workers?"
        )


async def _read_ends(config: KafkaConfig) -> Mapping[str, int]:
    """Return the end of each partition of the topic of events, by log."""
    # Without a group it has all partitions.
    consumer = AIOKafkaConsumer(config.topic, **client_arguments(config), group_id=None)
    try:
        await consumer.start()
        ends = await consumer.end_offsets(list(consumer.assignment()))
    except (KafkaError, TimeoutError) as error:
        raise BrokerUnavailableError(
            f"cannot read the topic {config.topic!r}: {error!r}"
        ) from error
    finally:
        await consumer.stop()
    return {f"{at.topic}/{at.partition}": end for at, end in ends.items()}


def _domain(text: str) -> DomainName:
    try:
        return parse_domain(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; exit with status 2 and the usage if it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m deploy.forget", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("domain", type=_domain, nargs="+")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what is counted, write nothing"
    )
    return parser.parse_args(words)


def read_config(read: EnvironmentReader) -> ForgetConfig:
    """Read the environment; *read* collects the problems."""
    return ForgetConfig(
        kafka=read(KafkaConfig),
        cassandra=read(CassandraConfig),
        layout=read(LayoutConfig),
        worker=read(WorkerSettings),
    )


if __name__ == "__main__":
    main("forget", read_config, partial(run, parse_arguments(sys.argv[1:])))
