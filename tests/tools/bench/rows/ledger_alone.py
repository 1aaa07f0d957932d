"""Time the worker's part of a record: ``python -m ...rows.ledger_alone RECORDS SEED``.

Records in memory go through ``PartitionTask.process``. Between two batches, new buckets are
read as empty and due writes are acknowledged at once. The reference is msgspec and a dict.
"""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from itertools import islice

import msgspec
import uvloop
from prometheus_client import CollectorRegistry

from consumer.counter_store import MAX_ROWS
from consumer.counting.kept_memory import PartitionMemory
from consumer.counting.keys.dedupe import Dedupe
from consumer.counting.ledger import PartitionLedger
from consumer.counting.ledger_rules import LedgerRules
from consumer.counting.pacing.write_limit import WriteLimit
from consumer.counting.rows.row_epoch import LONGEST_GAP_SECONDS, RowEpoch
from consumer.counting.rows.superseded import Retention
from consumer.metrics import WorkerMetrics
from consumer.partition import PartitionTask
from consumer.worker_context import WorkerContext
from consumer.write_places import WritePlaces
from shared.model.domain import parse_domain
from shared.model.event import Event, EventKind
from shared.model.partitioning import DEFAULT_BUCKETS
from shared.model.record import encode_event
from shared.model.status import DEFAULT_THRESHOLD
from tests.fakes.counter_store import InMemoryCounterStore
from tests.fakes.group_topic import StoredRecord
from tests.fakes.published_changes import PublishedChanges
from tests.fakes.writers import node_of, writers
from tests.tools.bench.measurement.cpu import cpu_seconds
from tests.tools.bench.measurement.result import WorkResult, print_result
from tests.tools.bench.reference.plain_consumer import Value
from tests.tools.load.streams.event import Kind
from tests.tools.load.streams.stream import events_of
from tests.tools.load.streams.waves_stream import WavesStream

BATCH_RECORDS = 4_000


class LedgerResult(msgspec.Struct, frozen=True, kw_only=True):
    """Both loops over the same records."""

    ours: WorkResult
    plain: WorkResult


class NoDeadLetters:
    """Raises for every dead letter: there are none here."""

    async def publish(self, topic_partition: str, letters: Sequence[bytes]) -> None:
        """Raise."""
        raise RuntimeError(f"{topic_partition}: {letters}")

    async def run(self) -> None:
        """See DeadLetters."""


async def run_ledger(records: Sequence[StoredRecord]) -> WorkResult:
    """Process *records* by the task of a partition."""
    clock, store = time.monotonic, InMemoryCounterStore()

    async def end_offset(_: int, at_least: int) -> int:
        return at_least

    context = WorkerContext(
        store=store,
        dead_letters=NoDeadLetters(),
        changes=PublishedChanges(),
        metrics=WorkerMetrics(CollectorRegistry()),
        reads=asyncio.Semaphore(1),
        writes=WritePlaces(WriteLimit(1, max_age_seconds=600.0)),
        urgent_writes=asyncio.Semaphore(1),
        clock=clock,
        wall_clock=time.time,
        epoch=RowEpoch(store.epoch, clock, LONGEST_GAP_SECONDS),
        end_offset=end_offset,
    )
    retention = Retention(node_of(1), 60.0, 3_600.0)
    rules = LedgerRules(DEFAULT_BUCKETS, DEFAULT_THRESHOLD, 1.0, retention)
    ledger = PartitionLedger("bench/0", 0, rules, writers())
    task = PartitionTask(0, PartitionMemory(ledger, Dedupe(context.key_window), 0), context)
    cpu, began = cpu_seconds(os.getpid()), time.perf_counter()
    for start in range(0, len(records), BATCH_RECORDS):
        await task.process(records[start : start + BATCH_RECORDS])
        while (bucket := ledger.pop_unread()) is not None:
            ledger.load_rows(bucket, (), ledger.next_offset, clock(), time.time())
        while (bucket := ledger.pop_due(clock())) is not None:
            ledger.acknowledge(ledger.begin(bucket, MAX_ROWS, clock()), clock())
    return _since(began, cpu, len(records))


def run_plain(records: Sequence[StoredRecord]) -> WorkResult:
    """Decode *records* and add them up in a dict."""
    decode = msgspec.msgpack.Decoder(Value).decode
    counts: dict[bytes | None, list[int]] = {}
    cpu, began = cpu_seconds(os.getpid()), time.perf_counter()
    for record in records:
        value = decode(record.value or b"")
        pair = counts.get(record.key)
        if pair is None:
            pair = counts[record.key] = [0, 0]
        pair[value.kind] += value.count
    return _since(began, cpu, len(records))


def build_records(count: int, seed: int) -> list[StoredRecord]:
    """Return *count* records of the profile ``waves``, one event each."""
    records = []
    for offset, event in enumerate(islice(events_of(WavesStream(seed)), count)):
        kind = EventKind.BOUNCED if event.kind is Kind.BOUNCED else EventKind.DELIVERED
        key, value = encode_event(Event(parse_domain(event.name), kind))
        # A copy of the key, since a fetch returns one with each record.
        records.append(StoredRecord(offset, bytes(bytearray(key)), value))
    return records


def _since(began: float, cpu: float, done: int) -> WorkResult:
    return WorkResult(
        done=done,
        seconds=time.perf_counter() - began,
        cpu_seconds=cpu_seconds(os.getpid()) - cpu,
    )


if __name__ == "__main__":
    data = build_records(int(sys.argv[1]), int(sys.argv[2]))
    both = LedgerResult(ours=uvloop.run(run_ledger(data)), plain=run_plain(data))
    print_result(both)
