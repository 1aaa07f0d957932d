"""Which superseded rows may be deleted, and when."""

import pytest

from consumer.counting.rows.superseded import find_superseded, started_at
from consumer.counting.rows.writer_rows import StoredRow
from tests.fakes.writers import writer_at
from tests.unit.consumer.events import RETENTION

A, B = b"a.example", b"b.example"
OURS, THEIRS = 1, 9


def row(domain: bytes, started: float, applied_offset: int, node: int = OURS) -> StoredRow:
    """Return a row that was *started* at that time."""
    return StoredRow(domain, writer_at(started, node), 1, 0, applied_offset)


def test_a_writer_contains_the_time_when_it_was_made() -> None:
    """As RFC 9562 has it, to 100 ns."""
    assert started_at(writer_at(1_700_000_000.5)) == pytest.approx(1_700_000_000.5)


def test_a_single_row_is_never_deleted() -> None:
    """Nor does another look follow."""
    rows = [row(A, 0.0, 5), row(B, 0.0, 0)]
    assert find_superseded(rows, RETENTION, 1e12) == ([], None)


@pytest.mark.parametrize(
    ("older", "newer", "keep"),
    [(OURS, OURS, 60.0), (THEIRS, OURS, 3600.0), (OURS, THEIRS, 60.0), (THEIRS, THEIRS, 3600.0)],
)
def test_a_row_is_deleted_some_time_after_its_successor_was_started(
    older: int, newer: int, keep: float
) -> None:
    """Its own age does not matter: a row may be busy for days before it is superseded."""
    rows = [row(A, 500_000.0, 9, newer), row(A, 0.0, 5, older)]
    deletable, after_seconds = find_superseded(rows, RETENTION, 500_000.0 + keep - 1)
    assert (deletable, after_seconds) == ([], 1.0)
    assert find_superseded(rows, RETENTION, 500_000.0 + keep) == (rows[1:], None)


def test_the_newest_row_stays_though_it_was_started_first() -> None:
    """A worker that was replaced may be ahead of its successor."""
    rows = [row(A, 100.0, 5), row(A, 0.0, 9)]
    assert find_superseded(rows, RETENTION, 1e9) == (rows[:1], None)


def test_of_equal_rows_the_one_started_last_stays() -> None:
    """Its writer may continue it."""
    rows = [row(A, 100.0, 5), row(A, 50.0, 5), row(A, 0.0, 5)]
    assert find_superseded(rows, RETENTION, 1e9) == (rows[1:], None)


def test_a_row_is_superseded_since_the_first_row_that_counts_further_was_started() -> None:
    """However many followed it."""
    rows = [row(A, 200.0, 9), row(A, 100.0, 7), row(A, 0.0, 5)]
    assert find_superseded(rows, RETENTION, 170.0) == (rows[2:], 90.0)


def test_a_successor_from_the_future_deletes_nothing() -> None:
    """A clock that steps back only makes rows stay longer."""
    rows = [row(A, 5_000.0, 9), row(A, 0.0, 5)]
    assert find_superseded(rows, RETENTION, 0.0) == ([], 5_060.0)
