"""When superseded rows may be deleted."""

import pytest

from consumer.counting import superseded
from consumer.counting.superseded import Retention, SupersededRow, SupersededRows
from tests.fakes.writers import writers
from tests.unit.consumer.events import A, B

_new_writer = writers()
W1, W2, W3 = _new_writer(), _new_writer(), _new_writer()


@pytest.fixture
def rows() -> SupersededRows:
    """Superseded rows: our own are kept for a minute, others for an hour."""
    return SupersededRows(Retention(own_seconds=60.0, others_seconds=3600.0))


def test_an_own_row_is_due_after_its_time(rows: SupersededRows) -> None:
    """Not earlier, because an update of it may still be in flight."""
    rows.add_own(A, [W1], 100.0)
    assert rows.pop_due(159.9, 10) == []
    assert rows.pop_due(160.0, 10) == [SupersededRow(A, W1)]
    assert rows.pop_due(1e9, 10) == []


def test_another_writers_row_is_due_hours_later(rows: SupersededRows) -> None:
    """Its writer may be frozen, and wake up."""
    rows.add_others(A, [W1, W2], 100.0)
    assert rows.pop_due(3699.9, 10) == []
    assert rows.pop_due(3700.0, 10) == [SupersededRow(A, W1), SupersededRow(A, W2)]


def test_no_more_rows_are_returned_than_the_limit(rows: SupersededRows) -> None:
    """The rest is due at the next call."""
    rows.add_own(A, [W1, W2], 0.0)
    rows.add_own(B, [W3], 0.0)
    assert rows.pop_due(60.0, 2) == [SupersededRow(A, W1), SupersededRow(A, W2)]
    assert rows.pop_due(60.0, 2) == [SupersededRow(B, W3)]


def test_a_failed_deletion_is_due_again_later(rows: SupersededRows) -> None:
    """A store that is down is not called over and over."""
    rows.add_own(A, [W1], 0.0)
    rows.retry_later(rows.pop_due(60.0, 10), 60.0)
    assert rows.pop_due(119.9, 10) == []
    assert rows.pop_due(120.0, 10) == [SupersededRow(A, W1)]


def test_memory_is_bounded(rows: SupersededRows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows beyond the limit stay in the store, and a later read finds them."""
    monkeypatch.setattr(superseded, "MAX_ROWS", 2)
    rows.add_others(A, [W1, W2, W3], 0.0)
    rows.add_own(A, [W1, W2, W3], 0.0)
    assert len(rows) == 4
