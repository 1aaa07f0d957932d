"""Planted mistakes. The simulation has to find each of them.

A mutant changes one rule of the worker or of the reader, and nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from consumer.counting.aggregate import Increment
from consumer.counting.changes import ChangeOutbox
from consumer.counting.ledger import PartitionLedger
from consumer.counting.position import Position
from consumer.counting.superseded import SupersededRow
from consumer.counting.writer_rows import RowUpdate, WriterRows
from shared.model.counter import CounterRow, Counters
from shared.model.domain import DomainName
from tests.simulation.partition import POLICY, RETENTION, Partition
from tests.simulation.reader import Reader
from tests.simulation.topic_partition import TopicPartition
from tests.simulation.worker import Worker
from tests.simulation.world import Parts

_ONE_WRITER = UUID(fields=(1, 0, 0x1000, 0x80, 0, 0))


def _with_rows(rows_class: type[WriterRows]) -> Parts:
    """Return a world whose ledgers use *rows_class* for their rows."""

    class Ledger(PartitionLedger):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self._rows = rows_class(self._rows._new_writer)

    return _with_ledger(Ledger)


def _with_changes(outbox: type[ChangeOutbox]) -> Parts:
    """Return a world whose ledgers use *outbox* for their changes."""

    class Ledger(PartitionLedger):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.changes = outbox(self.topic_partition, POLICY.threshold, self._times)

    return _with_ledger(Ledger)


def _with_ledger(ledger: type[PartitionLedger]) -> Parts:
    return _with_worker(type("MutantWorker", (Worker,), {"ledger_class": ledger}))


def _with_partition(partition: type[Partition]) -> Parts:
    return _with_worker(type("MutantWorker", (Worker,), {"partition_class": partition}))


def _with_worker(worker: type[Worker]) -> Parts:
    return Parts(worker=worker)


class _OneRow(WriterRows):
    def start_update(self, domain: DomainName, increment: Increment) -> RowUpdate:
        self._in_flight[domain] = increment
        return RowUpdate(
            domain,
            _ONE_WRITER,
            increment.delivered,
            increment.bounced,
            increment.next_offset - _applied(self, domain),
            self.epoch,
        )

    def _abandon(self, *_: object) -> None:
        """Keep the only row."""


def _applied(rows: WriterRows, domain: DomainName) -> int:
    in_flight = rows._in_flight.pop(domain)
    applied = rows.applied_offset(domain)
    rows._in_flight[domain] = in_flight
    return applied


class _SeedsWithIncrements(WriterRows):
    def start_update(self, domain: DomainName, increment: Increment) -> RowUpdate:
        counted = self.totals(domain)
        update = super().start_update(domain, increment)
        if update.applied_offset != increment.next_offset:
            return update
        return replace(
            update,
            delivered=update.delivered - counted.delivered,
            bounced=update.bounced - counted.bounced,
        )


class _NeverRolls(WriterRows):
    def start_epoch(self, epoch: int) -> None:
        """Continue the same rows."""


class _BelievesOlderEpochs(PartitionLedger):
    def acknowledge(self, updates: Iterable[RowUpdate], now: float) -> list[int]:
        return super().acknowledge([replace(u, epoch=self._rows.epoch) for u in updates], now)


class _UsesDeletedRowsAgain(PartitionLedger):
    """Starts a new row under the key of one of its own rows that was deleted."""

    def pop_superseded(self, now: float, limit: int) -> list[SupersededRow]:
        rows = super().pop_superseded(now, limit)
        fresh = self._rows._new_writer
        if rows:
            deleted = [row.writer for row in rows]
            self._rows._new_writer = lambda: deleted.pop() if deleted else fresh()
        return rows


class _DeletesTheNewest(PartitionLedger):
    def load_rows(
        self, domain: DomainName, rows: Sequence[CounterRow], end_offset: int, now: float
    ) -> None:
        super().load_rows(domain, rows, end_offset, now)
        soon = now - RETENTION.others_seconds
        self._superseded.add_others(domain, (row.writer for row in rows), soon)


class _HoldsNothingBack(ChangeOutbox):
    def oldest_offset(self, read_below: int) -> int | None:  # noqa: ARG002 see there
        return None


class _MakesNothingGood(ChangeOutbox):
    def record_replayed(self, *_: object) -> None:
        """Find no change in a replay."""


class _RetriesInPlace(Partition):
    def fail(self, batch: list[RowUpdate]) -> None:
        self._writes += 1
        self._write(batch)


class _ReadsAgain(Partition):
    """Takes what a quorum read shows now for the outcome of an update."""

    def fail(self, batch: list[RowUpdate]) -> None:
        for update in batch:
            self.believe([update], applied=self.shows(update))

    def shows(self, update: RowUpdate) -> bool:
        rows = self.owner.store.read(self.topic_partition.name, update.domain) or []
        end = self.ledger._rows.applied_offset(update.domain)
        return any(r.writer == update.writer and r.applied_offset >= end for r in rows)

    def believe(self, batch: list[RowUpdate], *, applied: bool) -> None:
        if applied:
            self.ledger.acknowledge(batch, self.owner.schedule.now)
        else:
            self._writes += 1
            self._write(batch)


class _AllOrNothing(_ReadsAgain):
    """Takes the outcome of a batch's first update for the outcome of all."""

    def fail(self, batch: list[RowUpdate]) -> None:
        self.believe(batch, applied=self.shows(batch[0]))


class _CommitsWhatIsRead(Partition):
    def position(self) -> Position:
        return Position(self.ledger.next_offset, self.dedupe.keys_from(self.ledger.next_offset))


class _ForgetsKeys(Worker):
    def take_over(self, number: int, position: Position) -> Partition:
        return super().take_over(number, Position.at(position.next_offset))


class _KeepsMemory(Worker):
    """Keeps the memory of a partition over a revocation."""

    def take_over(self, number: int, position: Position) -> Partition:
        kept = self.__dict__.setdefault("kept", {})
        partition = super().take_over(number, position)
        before = kept.get(number)
        if before is not None and before.ledger.settled:
            partition.ledger = before.ledger
            partition.ledger.next_offset = position.next_offset
        kept[number] = partition
        return partition


class _NoticesAFreezeLate(Worker):
    freeze_noticed_seconds = 30.0


class _ReaderAtOne(Reader):
    def rows(self, topic_partition: TopicPartition, domain: DomainName) -> list[CounterRow] | None:
        return self.store.read_at_one(topic_partition.name, domain)


class _AddsUpRows(Reader):
    def answer(self, rows: Sequence[CounterRow]) -> Counters:
        return Counters(sum(row.delivered for row in rows), sum(row.bounced for row in rows))


MUTANTS: Mapping[str, Parts] = {
    "one_row_per_domain": _with_rows(_OneRow),
    "retry_in_place_after_timeout": _with_partition(_RetriesInPlace),
    "reread_and_compare_after_timeout": _with_partition(_ReadsAgain),
    "commit_before_flush": _with_partition(_CommitsWhatIsRead),
    "memory_kept_over_rebalance_without_checking": _with_worker(_KeepsMemory),
    "reader_at_one": Parts(reader=_ReaderAtOne),
    "reader_adds_up_rows_of_one_log": Parts(reader=_AddsUpRows),
    "seed_with_increments_instead_of_totals": _with_rows(_SeedsWithIncrements),
    "batch_failure_all_or_nothing": _with_partition(_AllOrNothing),
    "keys_forgotten_at_takeover": _with_worker(_ForgetsKeys),
    "rows_not_rolled_after_node_came_back": _with_rows(_NeverRolls),
    "deleted_row_key_used_again": _with_ledger(_UsesDeletedRowsAgain),
    "acknowledgement_of_older_epoch_believed": _with_ledger(_BelievesOlderEpochs),
    "newest_row_deleted": _with_ledger(_DeletesTheNewest),
    "commit_before_publishing": _with_changes(_HoldsNothingBack),
    "counted_taken_for_published": _with_changes(_MakesNothingGood),
    "freeze_noticed_late": _with_worker(_NoticesAFreezeLate),
}
"""Each by its name."""
