"""Hold what one process knows of one bucket: totals, owed increments and writer rows. Pure.

A counter update is ``+n``. Sent twice, it counts twice; after a failure it is unknown whether it
was applied or still will be. So no update is ever repeated. Each domain has rows that only one
writer ever increments. When an update is not acknowledged, the writer abandons the row for good;
the next update starts a fresh row with the full totals. The three columns of a row move in one
update, so at any time and on any replica a row is the true count of its topic partition up to its
``applied_offset``. Readers take the row with the largest offset::

    unknown --learn--> known, no row --begin--> in flight --acknowledge--> known, with row
                            ^                     |   ^                        |
                            |<-------fail---------'   '--------begin-----------|
                            '<-------------------roll, abandon-----------------'

Whatever becomes of an unacknowledged update (applied, lost, applied in an hour), it moves only a
row that counts up to an older or equal offset. This needs no lock, lease or transaction.

A node of the store that restarts without its last writes bases its next update of a row on an old
copy. So rows belong to an *epoch*, which ends when any node may have restarted; a row is never
continued in another epoch.

The counts grow from 4 to 8 bytes each when one needs it. A worker with 10,000,000 domains takes 120
bytes for each of them, all in.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence

from consumer.counting.owed_domains import OwedDomains
from consumer.counting.rows.row_writers import NO_ROW, RowWriters
from consumer.counting.rows.writer_rows import BucketWrite, RowIncrement, StoredRow
from shared.model.counter import Counters

_INDEXES = tuple(range(4096))
"""Shared by all buckets: an ``int`` of its own would take 32 bytes for each domain."""
_DELIVERED, _BOUNCED, _OWED_DELIVERED, _OWED_BOUNCED = range(4)
"""The counts of a domain. They are neighbours in one array, because an event of one among many
domains costs what the processor waits for its memory."""
_OWED = _OWED_DELIVERED - _DELIVERED
"""From a total to what is owed of it."""
_NOTHING = (0, 0, 0, 0)
_WIDTH = len(_NOTHING)


class Bucket:
    """The domains of one bucket in one topic partition."""

    __slots__ = (
        "_counts",
        "applied",
        "begun",
        "in_flight",
        "index",
        "left_rows",
        "loaded_to",
        "number",
        "owed",
        "rows",
        "written_at",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.index: dict[bytes, int] = {}
        self.applied = array("q")
        self.loaded_to = 0
        """The largest offset in the loaded rows: an event below it may be counted already."""
        self.owed = OwedDomains()
        self.rows = RowWriters()
        self.in_flight: BucketWrite | None = None
        self.written_at: float | None = None
        self.begun = 0
        """The number of writes that were started, so that a reader notices one in between."""
        self.left_rows = False
        """Whether the store may hold rows of ours that an acknowledged row supersedes."""
        # Everything that was read, acknowledged or not; the owed part of it is in no request.
        self._counts = array("I")

    # ---- domains

    def insert(self, domain: bytes) -> int:
        """Add *domain*, of which nothing is counted, and return its index."""
        index = len(self.index)
        self.index[domain] = _INDEXES[index] if index < len(_INDEXES) else index
        self._counts.extend(_NOTHING)
        self.applied.append(0)
        self.rows.append()
        return index

    def load_rows(
        self, rows: Iterable[StoredRow], epoch: int, own_writers: Sequence[bytes] = ()
    ) -> None:
        """Take the totals from *rows*, all of this bucket and topic partition.

        *own_writers* started their rows in this process and *epoch*. Such a row is continued if
        it is its domain's newest: an update in doubt would be in an older one. Other rows stay
        their writers'.
        """
        numbers = self.rows.load(epoch, own_writers)
        for row in rows:
            index = self.index.get(row.domain)
            if index is None:
                index = self.insert(row.domain)
            if row.applied_offset > self.applied[index]:
                self._set(_WIDTH * index + _DELIVERED, row.delivered)
                self._set(_WIDTH * index + _BOUNCED, row.bounced)
                self.applied[index] = row.applied_offset
                self.loaded_to = max(self.loaded_to, row.applied_offset)
                self.rows[index] = numbers.get(row.writer, NO_ROW)

    def counted(self, index: int) -> Counters:
        """Return the acknowledged totals of a domain."""
        delivered, bounced, owed_delivered, owed_bounced = self._counts_of(index)
        delivered -= owed_delivered
        bounced -= owed_bounced
        write = self.in_flight
        if write is not None and index in write.indexes:
            place = write.indexes.index(index)
            delivered -= write.delivered[place]
            bounced -= write.bounced[place]
        return Counters(delivered, bounced)

    # ---- counting

    def deliver(self, index: int, count: int, threshold: int) -> bool:
        """Owe *count* deliveries; return whether they change the domain's status."""
        before = self._owe(index, _WIDTH * index + _DELIVERED, count)
        if before <= threshold < before + count and not self._counts[_WIDTH * index + _BOUNCED]:
            self.owed.append_changing(index)
            return True
        return False

    def bounce(self, index: int, count: int) -> bool:
        """Owe *count* bounces; return whether they change the domain's status."""
        if self._owe(index, _WIDTH * index + _BOUNCED, count) == 0:
            self.owed.append_changing(index)
            return True
        return False

    def _owe(self, index: int, place: int, count: int) -> int:
        """Add *count* to the total at *place*, and to what is owed of it; return the total before.

        One function without calls: this is done for each event.
        """
        counts = self._counts
        before = counts[place]
        try:
            counts[place] = before + count
        except OverflowError:
            counts = self._widen()
            counts[place] = before + count
        at = _WIDTH * index
        if not (counts[at + _OWED_DELIVERED] or counts[at + _OWED_BOUNCED]):
            self.owed.append(index)
        counts[place + _OWED] += count
        return before

    # ---- writing

    def begin(
        self,
        limit: int,
        next_offset: int,
        now: float,
        epoch: int,
        new_writer: Callable[[], bytes],
    ) -> BucketWrite:
        """Start a write of up to *limit* domains that owe something, changes of status first.

        All events below *next_offset* were added. Raises ValueError if a write is in flight.
        """
        if self.in_flight is not None:
            raise ValueError(f"two writes of bucket {self.number} at once")
        first_offset, since = self.owed.first_offset, self.owed.since
        if first_offset is None:
            raise ValueError(f"bucket {self.number} owes nothing")
        if self.rows.start_epoch(epoch):
            self.left_rows = True
        chosen, changing = self.owed.take(limit, next_offset, now, self._owes)
        domains = list(self.index)
        rows: list[RowIncrement] = []
        owed_delivered: list[int] = []
        owed_bounced: list[int] = []
        writers: list[int] = []
        for i in chosen:
            delivered, bounced, new_delivered, new_bounced = self._counts_of(i)
            self._counts[_WIDTH * i + _OWED_DELIVERED] = 0
            self._counts[_WIDTH * i + _OWED_BOUNCED] = 0
            owed_delivered.append(new_delivered)
            owed_bounced.append(new_bounced)
            writer = self.rows[i]
            if writer != NO_ROW:
                sums = (new_delivered, new_bounced, next_offset - self.applied[i])
            else:
                writer = self.rows.fresh(new_writer)
                sums = (delivered, bounced, next_offset)
            writers.append(writer)
            rows.append(RowIncrement(domains[i], self.rows.writer(writer), *sums, not bounced))
        write = self.in_flight = BucketWrite(
            self.number,
            epoch,
            rows,
            first_offset,
            next_offset,
            since,
            chosen,
            owed_delivered,
            owed_bounced,
            writers,
            changing,
        )
        self.begun += 1
        return write

    def acknowledge(self, write: BucketWrite, now: float) -> None:
        """Move the rows of *write* on: a quorum has all of it."""
        for i, writer in zip(write.indexes, write.writers, strict=True):
            if self.rows[i] != writer:
                self.rows[i] = writer
                self.left_rows = self.left_rows or self.applied[i] > 0
            self.applied[i] = write.next_offset
        self.in_flight = None
        self.written_at = now

    def fail(self, write: BucketWrite) -> None:
        """Abandon the rows of *write*, which may surface in them, and owe it again."""
        for i, delivered, bounced in zip(
            write.indexes, write.delivered, write.bounced, strict=True
        ):
            self.rows.abandon(i)
            if (delivered or bounced) and not self._owes(i):
                self.owed.append(i)
            self._counts[_WIDTH * i + _OWED_DELIVERED] += delivered
            self._counts[_WIDTH * i + _OWED_BOUNCED] += bounced
        self.owed.append_changing(*write.changing)
        self.owed.owe_from(write.first_offset, write.since)
        self.left_rows = True
        self.in_flight = None
        self.written_at = None

    def repair(self, index: int, next_offset: int, now: float) -> None:
        """Abandon a domain's row, and write its totals to a fresh one at once."""
        self.abandon(index)
        self.owed.append_changing(index)
        # Nothing but acknowledged totals: it delays no commit.
        self.owed.owe_from(max(next_offset, self.applied[index]), now)

    def abandon(self, index: int) -> None:
        """Never continue a domain's row: its next event starts a fresh one."""
        self.rows.abandon(index)
        self.left_rows = True

    def release(self, row: StoredRow) -> bool:
        """Return whether *row*, which is superseded, receives no further increment that counts.

        If the next write of its domain would continue it, the row is abandoned. Until the domain
        has an acknowledged row, one that was abandoned after a failure stays: its last update may
        still arrive, and only a later row surpasses it.
        """
        index = self.index.get(row.domain)
        if index is None:
            return True
        in_flight = self.in_flight is not None and index in self.in_flight.indexes
        if self.rows[index] == NO_ROW:
            return not (in_flight or self._owes(index))
        if not self.rows.continues(index, row):
            return True
        if not in_flight:
            self.abandon(index)
        return False

    def _owes(self, index: int) -> bool:
        at = _WIDTH * index
        return bool(self._counts[at + _OWED_DELIVERED] or self._counts[at + _OWED_BOUNCED])

    def _counts_of(self, index: int) -> "array[int]":
        return self._counts[_WIDTH * index : _WIDTH * (index + 1)]

    def _set(self, place: int, count: int) -> None:
        try:
            self._counts[place] = count
        except OverflowError:
            self._widen()[place] = count

    def _widen(self) -> "array[int]":
        """Give the counts 8 bytes each: one has outgrown 4."""
        self._counts = array("q", self._counts)
        return self._counts
