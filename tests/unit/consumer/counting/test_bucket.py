"""What a bucket knows and owes, and in which rows it says so."""

import pytest

from consumer.counting.audits import find_differences
from consumer.counting.bucket import Bucket
from consumer.counting.rows.writer_rows import BucketWrite, RowIncrement, StoredRow
from shared.model.counter import Counters
from tests.fakes.writers import writer_at, writers

A, B, C = b"a.example", b"b.example", b"c.example"
THEIRS = writer_at(0.0, node=9)
THRESHOLD = 4


class Known(Bucket):
    """A bucket that was read, and the writers of its rows."""

    def __init__(self, *rows: StoredRow) -> None:
        super().__init__(0)
        self.load_rows(rows, epoch=0)
        self.new_writer = writers()

    def add(self, domain: bytes, *, delivered: int = 0, bounced: int = 0, offset: int = 0) -> bool:
        """Owe events of *domain*, read at *offset*; return whether a status changes."""
        index = self.index.get(domain)
        if index is None:
            index = self.insert(domain)
        changes = bool(delivered) and self.deliver(index, delivered, THRESHOLD)
        changes |= bool(bounced) and self.bounce(index, bounced)
        if self.owed.first_offset is None:
            self.owed.first_offset, self.owed.since = offset, float(offset)
        return changes

    def start(
        self, next_offset: int, *, limit: int = 100, epoch: int = 0, now: float = 0.0
    ) -> BucketWrite:
        """Start a write."""
        return self.begin(limit, next_offset, now, epoch, self.new_writer)


def sums(write: BucketWrite) -> list[tuple[bytes, int, int, int]]:
    """Return the rows of *write* without their writers."""
    return [(r.domain, r.delivered, r.bounced, r.applied_offset) for r in write.rows]


def test_a_first_row_has_the_full_totals_and_the_next_write_continues_it() -> None:
    """The offset is the end of what was read. From the first bounce on all three columns move."""
    bucket = Known()
    bucket.add(A, delivered=3)
    first = bucket.start(10)
    assert sums(first) == [(A, 3, 0, 10)]
    assert first.rows[0].never_bounced
    bucket.acknowledge(first, now=0.0)

    bucket.add(A, delivered=2, bounced=1, offset=12)
    second = bucket.start(15)
    assert second.rows == [RowIncrement(A, first.rows[0].writer, 2, 1, 5)]
    assert (second.first_offset, second.next_offset) == (12, 15)
    bucket.acknowledge(second, now=0.0)

    bucket.add(A, delivered=1, offset=15)
    assert bucket.start(16).rows == [RowIncrement(A, first.rows[0].writer, 1, 0, 1)]


def test_the_row_of_another_writer_is_not_continued() -> None:
    """A fresh row repeats its totals, and supersedes it."""
    bucket = Known(StoredRow(A, THEIRS, 7, 1, 20))
    bucket.add(A, delivered=2, offset=25)
    write = bucket.start(30)
    assert sums(write) == [(A, 9, 1, 30)]
    assert write.rows[0].writer != THEIRS
    assert not bucket.left_rows
    bucket.acknowledge(write, now=0.0)
    assert bucket.left_rows


def test_of_several_rows_the_largest_offset_counts_and_the_first_of_equal_ones() -> None:
    """The store returns the row that was started last first."""
    mine = writer_at(5.0)
    rows = [
        StoredRow(A, mine, 5, 0, 9),
        StoredRow(A, THEIRS, 5, 0, 9),
        StoredRow(B, THEIRS, 1, 0, 2),
    ]
    bucket = Bucket(0)
    bucket.load_rows([*rows, StoredRow(B, mine, 3, 0, 4)], epoch=2, own_writers=[mine])
    for domain in (A, B):
        bucket.deliver(bucket.index[domain], 1, THRESHOLD)
    bucket.owed.first_offset = 10
    write = bucket.begin(100, 12, 0.0, 2, writers())
    assert write.rows == [
        RowIncrement(A, mine, 1, 0, 3, never_bounced=True),
        RowIncrement(B, mine, 1, 0, 8, never_bounced=True),
    ]


def test_after_a_failure_everything_is_owed_again_in_a_fresh_row() -> None:
    """What came meanwhile is added to it, and the failed row is never used again."""
    bucket = Known()
    bucket.add(A, delivered=3)
    bucket.add(B, bounced=1)
    bucket.acknowledge(bucket.start(10), now=0.0)
    bucket.add(A, delivered=1, offset=10)
    failed = bucket.start(11)
    bucket.add(A, delivered=5, offset=11)
    bucket.fail(failed)

    assert (bucket.owed.first_offset, bucket.counted(bucket.index[A])) == (10, Counters(3, 0))
    again = bucket.start(12)
    assert sums(again) == [(A, 9, 0, 12)]
    assert again.rows[0].writer != failed.rows[0].writer
    bucket.acknowledge(again, now=0.0)

    # B was not in the failed write: its row goes on.
    bucket.add(B, bounced=1, offset=13)
    assert sums(bucket.start(14)) == [(B, 0, 1, 4)]


def test_in_another_epoch_every_row_is_abandoned() -> None:
    """A node that may have lost writes would base its next update on an old copy."""
    bucket = Known()
    bucket.add(A, delivered=3)
    first = bucket.start(10)
    bucket.acknowledge(first, now=0.0)
    bucket.add(A, delivered=1, offset=10)
    rolled = bucket.start(11, epoch=1)
    assert sums(rolled) == [(A, 4, 0, 11)]
    assert rolled.rows[0].writer != first.rows[0].writer
    bucket.acknowledge(rolled, now=0.0)
    assert bucket.rows.in_use(0) == ()
    assert bucket.rows.in_use(1) == [rolled.rows[0].writer]


def test_after_many_failures_all_rows_are_abandoned() -> None:
    """A domain refers to its writer by one byte."""
    bucket = Known()
    bucket.add(B, delivered=1)
    bucket.acknowledge(bucket.start(1), now=0.0)
    bucket.add(A, delivered=1, offset=1)
    for _ in range(300):
        bucket.fail(bucket.start(2))
    bucket.add(B, delivered=1, offset=2)
    assert sorted(sums(bucket.start(3))) == [(A, 1, 0, 3), (B, 2, 0, 3)]


def test_a_change_of_status_goes_first_and_the_rest_follows() -> None:
    """A write has a limit; what it leaves is still owed from the oldest offset on."""
    bucket = Known()
    for domain in (A, B):
        bucket.add(domain, delivered=1, offset=7)
    assert bucket.add(C, bounced=1, offset=8)
    assert bucket.owed.changing
    first = bucket.start(9, limit=2)
    assert [row.domain for row in first.rows] == [C, A]
    assert list(first.changing) == [bucket.index[C]]
    assert (bucket.owed.first_offset, bucket.owed.changing) == (7, False)
    bucket.acknowledge(first, now=0.0)
    assert sums(bucket.start(9)) == [(B, 1, 0, 9)]
    assert bucket.owed.first_offset is None


def test_the_oldest_offset_moves_on_though_every_write_leaves_something() -> None:
    """Otherwise a bucket with more domains than a write has rows would hold commits back."""
    bucket = Known()
    for offset in range(0, 30, 3):
        for place, domain in enumerate([A, B, C]):
            bucket.add(domain, delivered=1, offset=offset + place)
        end = offset + 3
        bucket.acknowledge(bucket.start(end, limit=2, now=float(end)), now=0.0)
        assert bucket.owed.first_offset is not None
        assert end - bucket.owed.first_offset <= 9
        assert end - bucket.owed.since <= 9


def test_a_failed_write_is_older_than_what_the_write_before_it_left() -> None:
    """Its events are owed from their own offset on, until they are written."""
    bucket = Known()
    for offset, domain in enumerate([A, B, C]):
        bucket.add(domain, delivered=1, offset=offset)
    bucket.acknowledge(bucket.start(3, limit=1), now=0.0)
    failed = bucket.start(3, limit=1)
    bucket.add(A, delivered=1, offset=5)
    bucket.fail(failed)
    bucket.acknowledge(bucket.start(6, limit=2), now=0.0)
    assert bucket.owed.first_offset == 0
    bucket.acknowledge(bucket.start(6, limit=1), now=0.0)
    assert bucket.owed.first_offset is None


def test_a_failed_change_of_status_goes_first_again() -> None:
    """It is as urgent as before."""
    bucket = Known()
    bucket.add(A, delivered=1)
    bucket.add(B, bounced=1)
    bucket.fail(bucket.start(2))
    assert bucket.owed.changing
    assert bucket.start(3, limit=1).rows[0].domain == B


@pytest.mark.parametrize(
    ("before", "delivered", "bounced", "changes"),
    [
        ((4, 0), 1, 0, True),
        ((3, 0), 1, 0, False),
        ((5, 0), 1, 0, False),
        ((0, 0), 5, 0, True),
        ((0, 0), 0, 1, True),
        ((9, 0), 0, 1, True),
        ((9, 1), 0, 1, False),
        ((0, 1), 9, 0, False),
    ],
)
def test_the_event_that_changes_a_status_is_noticed(
    before: tuple[int, int],
    delivered: int,
    bounced: int,
    changes: bool,  # noqa: FBT001 a table
) -> None:
    """More than four deliveries make catch-all; the first bounce is final."""
    bucket = Known(StoredRow(A, THEIRS, *before, 1))
    assert bucket.add(A, delivered=delivered, bounced=bounced, offset=1) is changes


def test_acknowledged_totals_leave_out_what_is_owed_or_in_flight() -> None:
    """Only what a quorum has is counted."""
    bucket = Known(StoredRow(A, THEIRS, 7, 1, 20))
    bucket.add(A, delivered=2, offset=21)
    write = bucket.start(30)
    bucket.add(A, bounced=4, offset=30)
    index = bucket.index[A]
    assert bucket.counted(index) == Counters(7, 1)
    bucket.acknowledge(write, now=0.0)
    assert bucket.counted(index) == Counters(9, 1)


def test_counts_may_outgrow_four_bytes() -> None:
    """The arrays grow, and nothing is lost."""
    bucket = Known(StoredRow(A, THEIRS, 2**32 - 1, 2**40, 20))
    bucket.add(A, delivered=1, bounced=2**41, offset=21)
    assert sums(bucket.start(30)) == [(A, 2**32, 2**40 + 2**41, 30)]


def test_only_one_write_of_a_bucket_is_in_flight() -> None:
    """Two could overtake each other."""
    bucket = Known()
    bucket.add(A, delivered=1)
    bucket.start(1)
    bucket.add(A, delivered=1, offset=1)
    with pytest.raises(ValueError, match="two writes"):
        bucket.start(2)


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([(A, 3, 1, 10)], []),
        ([(A, 2, 1, 10)], [A]),
        ([(A, 3, 0, 10)], [A]),
        ([(A, 3, 1, 9)], [A]),
        ([], [A]),
        ([(A, 9, 9, 99)], []),
        ([(A, 1, 0, 4), (A, 3, 1, 10)], []),
    ],
)
def test_what_the_store_lost_is_found(
    rows: list[tuple[bytes, int, int, int]], wrong: list[bytes]
) -> None:
    """A larger offset is another owner's: no loss."""
    bucket = Known()
    bucket.add(A, delivered=3, bounced=1)
    bucket.acknowledge(bucket.start(10), now=0.0)
    bucket.add(B, delivered=1, offset=10)  # never acknowledged: nothing can be lost
    found = [StoredRow(d, THEIRS, *counts) for d, *counts in rows]
    assert find_differences(bucket, found) == [bucket.index[domain] for domain in wrong]


def test_an_abandoned_row_is_said_again_at_once() -> None:
    """Even without a new event."""
    bucket = Known()
    bucket.add(A, delivered=3)
    first = bucket.start(10)
    bucket.acknowledge(first, now=0.0)
    bucket.repair(bucket.index[A], next_offset=12, now=1.0)
    assert bucket.owed.changing
    again = bucket.start(12)
    assert sums(again) == [(A, 3, 0, 12)]
    assert again.rows[0].writer != first.rows[0].writer
