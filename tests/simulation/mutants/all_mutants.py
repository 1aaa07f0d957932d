"""Planted mistakes. The simulation has to find each of them.

A mutant changes one rule of the worker or of the reader, and nothing else.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from consumer.counting.bucket import Bucket
from consumer.counting.changes import ChangeOutbox
from consumer.counting.kept_memory import KeptMemory, PartitionMemory
from consumer.counting.ledger import PartitionLedger
from consumer.counting.pacing.circuit_breaker import CircuitBreaker
from consumer.counting.position import Position
from consumer.counting.rows.sweeps import Sweeps
from consumer.counting.rows.writer_rows import BucketWrite, RowIncrement, StoredRow
from shared.model.counter import CounterRow, Counters
from shared.model.domain import DomainName
from shared.model.event import EventKind
from shared.model.partitioning import bucket_of
from shared.model.record import Sums
from tests.simulation.cassandra.replica_sets import BUCKETS
from tests.simulation.cassandra.store import Store
from tests.simulation.kafka.topic_partition import TopicPartition
from tests.simulation.mutants.keys import (
    BoundsItsOwnMemory,
    ForgetsKeys,
    IgnoresTheKind,
    ReadsTheClockOncePerFetch,
)
from tests.simulation.mutants.rows import (
    ContinuesFailedRows,
    DeletesTheNewest,
    JudgesAgeByWhenItSawThem,
    LeavesBouncesOut,
    NeverRolls,
    OneRow,
    SeedsWithIncrements,
)
from tests.simulation.reader import Reader, as_counters
from tests.simulation.workers.partition import Partition
from tests.simulation.workers.worker import THRESHOLD, Worker
from tests.simulation.world import Parts


def _with_bucket(bucket: type[Bucket]) -> Parts:
    """Return a world whose ledgers hold their totals in *bucket*."""

    class Ledger(PartitionLedger):
        def _new_bucket(self, number: int) -> Bucket:
            return bucket(number)

    return _with_ledger(Ledger)


def _with_changes(outbox: type[ChangeOutbox]) -> Parts:
    """Return a world whose ledgers use *outbox* for their changes."""

    class Ledger(PartitionLedger):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.changes = outbox(self.topic_partition, THRESHOLD, self._times)

    return _with_ledger(Ledger)


def _with_sweeps(sweeps: type[Sweeps]) -> Parts:
    """Return a world whose ledgers delete the rows that *sweeps* finds."""

    class Ledger(PartitionLedger):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.sweeps = sweeps(self._buckets, self._rules.retention)

    return _with_ledger(Ledger)


def _with_ledger(ledger: type[PartitionLedger]) -> Parts:
    return _with_worker(type("MutantWorker", (Worker,), {"ledger_class": ledger}))


def _with_partition(partition: type[Partition]) -> Parts:
    return _with_worker(type("MutantWorker", (Worker,), {"partition_class": partition}))


def _with_kept(kept: type[KeptMemory]) -> Parts:
    return _with_worker(type("MutantWorker", (Worker,), {"kept_class": kept}))


def _with_worker(worker: type[Worker]) -> Parts:
    return Parts(worker=worker)


class _BelievesHalfOfAFailedWrite(PartitionLedger):
    def fail(self, write: BucketWrite, now: float) -> None:
        bucket = self._buckets[write.bucket]
        super().fail(write, now)
        for place in range(1, len(write.rows), 2):
            index = write.indexes[place]
            owed_delivered = 4 * index + 2
            bucket._counts[owed_delivered] -= write.delivered[place]
            bucket._counts[owed_delivered + 1] -= write.bounced[place]
            bucket.applied[index] = write.next_offset


class _BelievesOlderEpochs(PartitionLedger):
    def acknowledge(self, write: BucketWrite, now: float) -> int | None:
        self._buckets[write.bucket].rows._epoch = self._epoch
        return super().acknowledge(replace(write, epoch=self._epoch), now)


class _UsesDeletedRowsAgain(PartitionLedger):
    """Starts a new row under the key of one of its own rows that was deleted."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        fresh = self._new_writer
        deleted: list[bytes] = []
        self._new_writer = lambda: deleted.pop() if deleted else fresh()

        class Remembers(Sweeps):
            def sweep(
                self, number: int, rows: Sequence[StoredRow], now: float, wall_now: float
            ) -> list[StoredRow]:
                deletable = super().sweep(number, rows, now, wall_now)
                deleted.extend(row.writer for row in deletable)
                return deletable

        self.sweeps = Remembers(self._buckets, self._rules.retention)


class _TakesAnUnreadBucketForNew(PartitionLedger):
    def add(self, domain: bytes, kind: EventKind, count: int, offset: int, now: float) -> None:
        number = bucket_of(domain, BUCKETS)
        if number not in self._buckets:
            self.load_rows(number, [], self.next_offset, now, now)
        super().add(domain, kind, count, offset, now)


class _SkipsTheRestOfARecord(PartitionLedger):
    """Takes a record of many domains for counted if the first of them is."""

    def add_sums(self, sums: Sums, offset: int, now: float) -> None:
        bucket = self._buckets.get(bucket_of(sums.domains[0], BUCKETS))
        index = None if bucket is None else bucket.index.get(sums.domains[0])
        if bucket is None or index is None or offset >= bucket.applied[index]:
            super().add_sums(sums, offset, now)
        else:
            self.skip_record(offset)


class _HoldsNothingBack(ChangeOutbox):
    def oldest_offset(self, read_below: int) -> int | None:  # noqa: ARG002 see there
        return None


class _MakesNothingGood(ChangeOutbox):
    def record_replayed(self, *_: object) -> None:
        """Find no change in a replay."""


class _RetriesInPlace(Partition):
    def fail(self, write: BucketWrite) -> None:
        self._writes += 1
        self.send(write)


class _ReadsAgain(Partition):
    """Takes what a quorum shows now for what has become of a write."""

    def fail(self, write: BucketWrite) -> None:
        self.believe(write, applied=all(map(self.shows, write.rows)))

    def shows(self, row: RowIncrement) -> bool:
        rows = self.owner.stores.read(self.topic_partition.name, row.domain.decode()) or []
        return any(r.writer == row.writer and r.applied_offset >= row.applied_offset for r in rows)

    def believe(self, write: BucketWrite, *, applied: bool) -> None:
        if applied:
            self.ledger.acknowledge(write, self.owner.schedule.now)
        else:
            self._writes += 1
            self.send(write)


class _AllOrNothing(_ReadsAgain):
    """Takes what has become of the first row of a write for what became of all."""

    def fail(self, write: BucketWrite) -> None:
        self.believe(write, applied=self.shows(write.rows[0]))


class _CommitsWhatIsRead(Partition):
    def position(self) -> Position:
        return Position(self.ledger.next_offset, self.dedupe.keys_from(self.ledger.next_offset))


class _KeepsMemory(KeptMemory):
    """Keeps memory though another owner committed, and reads on at that commit."""

    def start_generation(self, generation: int, partitions: Collection[int]) -> None:
        """Keep everything."""

    def take(self, partition: int, committed: Position) -> PartitionMemory | None:
        memory, _ = self._kept.pop(partition, (None, None))
        if memory is None:
            return None
        memory.ledger.next_offset = max(memory.ledger.next_offset, committed.next_offset)
        return replace(memory, read_from=memory.ledger.next_offset)


class _BelievesWritesInFlight(PartitionLedger):
    """Takes a write that was in flight at a revocation for counted."""

    def suspend(self, now: float) -> None:
        for write in self._buckets.in_flight():
            self.acknowledge(write, now)
        super().suspend(now)


class _PausesForEverySet(Worker):
    """Writes nothing to any set of nodes while one of them fails."""

    def circuit_of(self, bucket: int) -> CircuitBreaker:  # noqa: ARG002 see there
        return super().circuit_of(0)


class _WatchesOneSet(Worker):
    """Notices no restart of a node that the first set of nodes does not have."""

    def watched_sets(self) -> Sequence[Store]:
        return self.stores.sets[:1]


class _NoticesAFreezeLate(Worker):
    freeze_noticed_seconds = 30.0


class _ReaderAtOne(Reader):
    def rows(self, topic_partition: TopicPartition, domain: DomainName) -> list[CounterRow] | None:
        return as_counters(
            topic_partition,
            self.stores.of_domain(domain).read_at_one(topic_partition.name, domain),
        )


class _AddsUpRows(Reader):
    def answer(self, rows: Sequence[CounterRow]) -> Counters:
        return Counters(sum(row.delivered for row in rows), sum(row.bounced for row in rows))


MUTANTS: Mapping[str, Parts] = {
    "one_row_per_domain": _with_bucket(OneRow),
    "retry_in_place_after_timeout": _with_partition(_RetriesInPlace),
    "reread_and_compare_after_timeout": _with_partition(_ReadsAgain),
    "commit_before_flush": _with_partition(_CommitsWhatIsRead),
    "memory_kept_though_another_owner_committed": _with_kept(_KeepsMemory),
    "write_in_flight_at_revocation_believed": _with_ledger(_BelievesWritesInFlight),
    "reader_at_one": Parts(reader=_ReaderAtOne),
    "reader_adds_up_rows_of_one_log": Parts(reader=_AddsUpRows),
    "seed_with_increments_instead_of_totals": _with_bucket(SeedsWithIncrements),
    "bounces_left_out_of_a_fresh_row": _with_bucket(LeavesBouncesOut),
    "batch_failure_all_or_nothing": _with_partition(_AllOrNothing),
    "half_of_a_failed_write_believed": _with_ledger(_BelievesHalfOfAFailedWrite),
    "failed_row_continued": _with_bucket(ContinuesFailedRows),
    "unread_bucket_taken_for_new": _with_ledger(_TakesAnUnreadBucketForNew),
    "rest_of_a_record_skipped": _with_ledger(_SkipsTheRestOfARecord),
    "keys_forgotten_at_takeover": _with_worker(ForgetsKeys),
    "keys_by_the_clock_of_a_fetch": _with_worker(ReadsTheClockOncePerFetch),
    "keys_bounded_by_own_memory": _with_worker(BoundsItsOwnMemory),
    "key_of_another_kind_repeats": _with_worker(IgnoresTheKind),
    "rows_not_rolled_after_node_came_back": _with_bucket(NeverRolls),
    "rows_rolled_for_one_set_of_nodes": _with_worker(_WatchesOneSet),
    "deleted_row_key_used_again": _with_ledger(_UsesDeletedRowsAgain),
    "acknowledgement_of_older_epoch_believed": _with_ledger(_BelievesOlderEpochs),
    "newest_row_deleted": _with_sweeps(DeletesTheNewest),
    "age_of_a_row_by_the_clock_of_the_reader": _with_sweeps(JudgesAgeByWhenItSawThem),
    "commit_before_publishing": _with_changes(_HoldsNothingBack),
    "counted_taken_for_published": _with_changes(_MakesNothingGood),
    "one_circuit_for_all_sets": _with_worker(_PausesForEverySet),
    "freeze_noticed_late": _with_worker(_NoticesAFreezeLate),
}
"""Each by its name."""
