"""Planted mistakes about the rows of a bucket."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from consumer.counting.bucket import Bucket
from consumer.counting.rows.row_writers import RowWriters
from consumer.counting.rows.sweeps import Sweeps
from consumer.counting.rows.writer_rows import BucketWrite, RowIncrement, StoredRow

_ONE_WRITER = bytes.fromhex("00000001000010008000000000000000")


class _RewritesRows(Bucket):
    """Changes each row of a write."""

    def begin(
        self,
        limit: int,
        next_offset: int,
        now: float,
        epoch: int,
        new_writer: Callable[[], bytes],
    ) -> BucketWrite:
        """See Bucket."""
        write = super().begin(limit, next_offset, now, epoch, new_writer)
        rows = [self.rewrite(write, place) for place in range(len(write.rows))]
        self.in_flight = replace(write, rows=rows)
        return self.in_flight

    @abstractmethod
    def rewrite(self, write: BucketWrite, place: int) -> RowIncrement:
        """Return the row at *place* of *write* as it should not be."""


class OneRow(_RewritesRows):
    """Increments one row of a domain for ever."""

    def rewrite(self, write: BucketWrite, place: int) -> RowIncrement:
        """See _RewritesRows."""
        grown = write.next_offset - self.applied[write.indexes[place]]
        owed = write.delivered[place], write.bounced[place]
        return RowIncrement(write.rows[place].domain, _ONE_WRITER, *owed, grown)


class SeedsWithIncrements(_RewritesRows):
    """Starts a row with the increments alone."""

    def rewrite(self, write: BucketWrite, place: int) -> RowIncrement:
        """See _RewritesRows."""
        return write.rows[place]._replace(
            delivered=write.delivered[place], bounced=write.bounced[place]
        )


class LeavesBouncesOut(_RewritesRows):
    """Leaves the bounces out of an update that owes none, though a fresh row needs the totals."""

    def rewrite(self, write: BucketWrite, place: int) -> RowIncrement:
        """See _RewritesRows."""
        return write.rows[place]._replace(never_bounced=not write.bounced[place])


class _OneEpoch(RowWriters):
    def start_epoch(self, epoch: int) -> bool:
        self._epoch = epoch
        return super().start_epoch(epoch)


class NeverRolls(Bucket):
    """Continues rows after a node came back."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.rows = _OneEpoch()


class ContinuesFailedRows(Bucket):
    """Keeps the rows of a failed write that were acknowledged before."""

    def fail(self, write: BucketWrite) -> None:
        """See Bucket."""
        rows = bytes(self.rows._of)
        super().fail(write)
        self.rows._of = bytearray(rows)


class DeletesTheNewest(Sweeps):
    """Deletes all rows of a bucket once one of them is old enough."""

    def sweep(
        self, number: int, rows: Sequence[StoredRow], now: float, wall_now: float
    ) -> list[StoredRow]:
        """See Sweeps."""
        deletable = super().sweep(number, rows, now, wall_now)
        return [*rows] if deletable else []


class JudgesAgeByWhenItSawThem(Sweeps):
    """Deletes a superseded row only after having known it for long enough itself."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._seen: dict[StoredRow, float] = {}

    def sweep(
        self, number: int, rows: Sequence[StoredRow], now: float, wall_now: float
    ) -> list[StoredRow]:
        """See Sweeps."""
        deletable = []
        for row in super().sweep(number, rows, now, wall_now):
            own = row.writer[-6:] == self._retention.node
            if own or now - self._seen.setdefault(row, now) > self._retention.others_seconds:
                deletable.append(row)
            else:
                self.plan(number, now)
        return deletable
