"""The state machine that keeps counters exact, transition by transition."""

from uuid import UUID

import pytest

from consumer.counting.aggregate import Increment
from consumer.counting.writer_rows import RowUpdate, WriterRows, is_consistent
from shared.model.counter import CounterRow, Counters
from tests.fakes.writers import writers
from tests.unit.consumer.events import A, B, C

OTHER = UUID(fields=(7, 0, 0x1000, 0x80, 0, 99))
_new_writer = writers()
W1, W2, W3 = _new_writer(), _new_writer(), _new_writer()


def increment(delivered: int, bounced: int, next_offset: int) -> Increment:
    """Return an increment of one event at the offset before *next_offset*."""
    return Increment(delivered, bounced, next_offset - 1, next_offset, 0.0)


def row(delivered: int, bounced: int, applied_offset: int) -> CounterRow:
    """Return a row of another writer."""
    return CounterRow("t/0", OTHER, delivered, bounced, applied_offset)


@pytest.fixture
def rows() -> WriterRows:
    """Rows in which domain A has 100 deliveries and 2 bounces up to offset 50."""
    known = WriterRows(writers())
    known.load_rows(A, [row(100, 2, 50)])
    return known


def test_a_domain_is_unknown_until_its_rows_are_loaded() -> None:
    """No update may start before that."""
    rows = WriterRows(writers())
    assert A not in rows
    assert len(rows) == 0
    with pytest.raises(KeyError):
        rows.start_update(A, increment(1, 0, 1))


def test_a_domain_without_rows_starts_at_zero() -> None:
    """No row in the store means that nothing is counted."""
    rows = WriterRows(writers())
    rows.load_rows(A, [])
    assert A in rows
    assert len(rows) == 1
    assert rows.totals(A) == Counters(0, 0)
    assert rows.applied_offset(A) == 0


def test_the_row_with_the_largest_offset_is_loaded() -> None:
    """The rows of other writers are older true counts."""
    rows = WriterRows(writers())
    rows.load_rows(A, [row(3, 0, 7), row(90, 1, 40), row(20, 1, 30)])
    assert rows.totals(A) == Counters(90, 1)
    assert rows.applied_offset(A) == 40


def test_the_first_update_starts_a_new_row_with_the_full_totals(rows: WriterRows) -> None:
    """It never continues the row that was read."""
    update = rows.start_update(A, increment(3, 1, 60))
    assert update == RowUpdate(A, W1, 103, 3, 60, epoch=0)


def test_the_first_update_of_a_new_domain_is_its_increment() -> None:
    """The totals before it are zero."""
    rows = WriterRows(writers())
    rows.load_rows(A, [])
    assert rows.start_update(A, increment(3, 1, 60)) == RowUpdate(A, W1, 3, 1, 60, epoch=0)


def test_nothing_is_counted_before_it_is_acknowledged(rows: WriterRows) -> None:
    """An update in flight changes no total, but covers its offsets."""
    rows.start_update(A, increment(3, 1, 60))
    assert rows.is_in_flight(A)
    assert rows.totals(A) == Counters(100, 2)
    assert rows.applied_offset(A) == 60
    assert rows.oldest_in_flight() == 59


def test_an_acknowledgement_adds_to_the_totals(rows: WriterRows) -> None:
    """The update is counted, up to its offset."""
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    assert not rows.is_in_flight(A)
    assert rows.totals(A) == Counters(103, 3)
    assert rows.applied_offset(A) == 60
    assert rows.oldest_in_flight() is None


def test_later_updates_add_to_the_same_row(rows: WriterRows) -> None:
    """They add the increment alone, and the distance of the offsets."""
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    assert rows.start_update(A, increment(5, 0, 75)) == RowUpdate(A, W1, 5, 0, 15, epoch=0)


def test_a_failure_starts_a_new_row_with_the_same_totals(rows: WriterRows) -> None:
    """The row of the failed update is abandoned for good."""
    failed = rows.start_update(A, increment(3, 1, 60))
    failed_increment = rows.fail(failed)
    assert failed_increment == increment(3, 1, 60)
    assert not rows.is_in_flight(A)
    assert rows.totals(A) == Counters(100, 2)
    assert rows.applied_offset(A) == 50
    assert rows.start_update(A, failed_increment) == RowUpdate(A, W2, 103, 3, 60, epoch=0)


def test_a_failure_of_a_later_update_keeps_the_acknowledged_totals(rows: WriterRows) -> None:
    """The new row gets these totals and the failed increment."""
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    failed_increment = rows.fail(rows.start_update(A, increment(5, 0, 75)))
    assert rows.start_update(A, failed_increment) == RowUpdate(A, W2, 108, 3, 75, epoch=0)


def test_no_row_is_used_again_however_many_updates_fail(rows: WriterRows) -> None:
    """Each failure costs a row: the third try has the third writer and the same totals."""
    failed_increment = rows.fail(rows.start_update(A, increment(3, 1, 60)))
    failed_increment = rows.fail(rows.start_update(A, failed_increment))
    assert rows.start_update(A, failed_increment) == RowUpdate(A, W3, 103, 3, 60, epoch=0)


def test_a_new_epoch_abandons_every_row(rows: WriterRows) -> None:
    """Each domain starts a new row with the full totals."""
    rows.load_rows(B, [])
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    rows.acknowledge(rows.start_update(B, increment(1, 0, 61)))
    rows.start_epoch(1)
    assert rows.start_update(A, increment(1, 0, 70)) == RowUpdate(A, W3, 104, 3, 70, epoch=1)
    assert rows.start_update(B, increment(0, 4, 71)).delivered == 1


def test_an_update_of_another_epoch_is_not_accepted(rows: WriterRows) -> None:
    """It may have been applied to an old copy, so a new row gets the totals."""
    update = rows.start_update(A, increment(3, 1, 60))
    rows.start_epoch(1)
    with pytest.raises(ValueError, match="epoch 0"):
        rows.acknowledge(update)
    assert rows.start_update(A, rows.fail(update)) == RowUpdate(A, W2, 103, 3, 60, epoch=1)


def test_the_same_epoch_again_costs_no_row(rows: WriterRows) -> None:
    """The epoch is passed before every flush."""
    rows.start_epoch(1)
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    rows.start_epoch(1)
    assert rows.start_update(A, increment(1, 0, 61)).writer == W1


def test_an_acknowledged_row_supersedes_the_abandoned_ones(rows: WriterRows) -> None:
    """Each abandoned row is returned once."""
    failed_increment = rows.fail(rows.start_update(A, increment(3, 1, 60)))
    failed_increment = rows.fail(rows.start_update(A, failed_increment))
    assert rows.acknowledge(rows.start_update(A, failed_increment)) == [W1, W2]
    assert rows.acknowledge(rows.start_update(A, increment(1, 0, 61))) == []
    rows.start_epoch(1)
    assert rows.acknowledge(rows.start_update(A, increment(1, 0, 62))) == [W3]


def test_an_explicitly_abandoned_row_is_superseded_by_the_next(rows: WriterRows) -> None:
    """An audit does this after a mismatch; without a row it does nothing."""
    rows.abandon(A)
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    rows.abandon(A)
    rows.abandon(A)
    assert rows.acknowledge(rows.start_update(A, increment(1, 0, 61))) == [W1]


def test_the_abandoned_rows_of_a_long_outage_are_bounded(rows: WriterRows) -> None:
    """The oldest are forgotten, and the next read of the domain finds them."""
    failed_increment = increment(3, 1, 60)
    for _ in range(100):
        failed_increment = rows.fail(rows.start_update(A, failed_increment))
    assert len(rows.acknowledge(rows.start_update(A, failed_increment))) == 16


def test_a_new_epoch_during_a_failing_update_costs_only_one_row(rows: WriterRows) -> None:
    """The row is abandoned once."""
    update = rows.start_update(A, increment(3, 1, 60))
    rows.start_epoch(1)
    assert rows.start_update(A, rows.fail(update)) == RowUpdate(A, W2, 103, 3, 60, epoch=1)


def test_a_row_of_the_current_epoch_is_continued(rows: WriterRows) -> None:
    """A new epoch abandons only older rows."""
    rows.start_epoch(1)
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    assert rows.start_update(A, increment(1, 0, 70)) == RowUpdate(A, W1, 1, 0, 10, epoch=1)


def test_domains_have_separate_rows(rows: WriterRows) -> None:
    """A failed update of one domain does not affect the row of another."""
    rows.load_rows(B, [])
    rows.acknowledge(rows.start_update(B, increment(1, 0, 55)))
    rows.fail(rows.start_update(A, increment(3, 1, 60)))
    assert rows.start_update(B, increment(1, 0, 65)) == RowUpdate(B, W1, 1, 0, 10, epoch=0)


def test_the_oldest_offset_in_flight_is_that_of_all_domains(rows: WriterRows) -> None:
    """The oldest event in flight is found in any domain."""
    rows.load_rows(B, [])
    rows.start_update(A, increment(1, 0, 60))
    update = rows.start_update(B, increment(1, 0, 55))
    assert rows.oldest_in_flight() == 54
    rows.acknowledge(update)
    assert rows.oldest_in_flight() == 59


def is_not_pending(_: object) -> bool:
    """Return False: no domain has a pending increment."""
    return False


def test_the_longest_idle_are_evicted_first(rows: WriterRows) -> None:
    """An acknowledged update makes its domain the newest."""
    rows.load_rows(B, [])
    rows.load_rows(C, [])
    rows.acknowledge(rows.start_update(A, increment(1, 0, 60)))
    rows.evict_idle(2, is_not_pending)
    assert [d in rows for d in (A, B, C)] == [True, False, True]


def test_nothing_is_evicted_within_the_limit(rows: WriterRows) -> None:
    """The limit itself is allowed."""
    rows.load_rows(B, [])
    rows.evict_idle(2, is_not_pending)
    assert len(rows) == 2


def test_pending_and_in_flight_domains_are_never_evicted(rows: WriterRows) -> None:
    """They stay in memory over any limit."""
    rows.load_rows(B, [])
    rows.load_rows(C, [])
    update = rows.start_update(A, increment(1, 0, 60))
    rows.evict_idle(0, lambda domain: domain == B)
    assert [d in rows for d in (A, B, C)] == [True, True, False]
    rows.acknowledge(update)
    assert rows.totals(A) == Counters(101, 2)


def test_an_evicted_domain_starts_a_new_row(rows: WriterRows) -> None:
    """A row is never continued after a new read."""
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    rows.evict_idle(0, is_not_pending)
    rows.load_rows(A, [row(103, 3, 60)])
    assert rows.start_update(A, increment(1, 0, 61)) == RowUpdate(A, W2, 104, 3, 61, epoch=0)


def test_a_second_update_of_a_domain_may_not_start(rows: WriterRows) -> None:
    """With two in flight, one increment would be missing."""
    rows.start_update(A, increment(1, 0, 51))
    with pytest.raises(ValueError, match="two updates"):
        rows.start_update(A, increment(1, 0, 52))


def test_a_sample_excludes_domains_in_flight(rows: WriterRows) -> None:
    """Their rows may change at this moment."""
    rows.load_rows(B, [])
    rows.load_rows(C, [])
    rows.start_update(B, increment(1, 0, 51))
    assert [domain for domain, _ in rows.sample(0)] == [A, C]
    assert [domain for domain, _ in rows.sample(2)] == [C]


def test_a_state_is_current_until_the_domain_changes(rows: WriterRows) -> None:
    """An update since the sample makes it old, even an update of nothing."""
    ((_, memory),) = rows.sample(0)
    assert rows.is_current(A, memory)
    update = rows.start_update(A, Increment(0, 0, 50, 50, 0.0))
    assert not rows.is_current(A, memory)
    rows.acknowledge(update)
    assert not rows.is_current(A, memory)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([row(100, 2, 50)], True),
        ([row(90, 2, 40), row(100, 2, 50)], True),
        ([row(120, 2, 60)], True),
        ([row(99, 2, 50)], False),
        ([row(100, 1, 50)], False),
        ([row(100, 2, 49)], False),
        ([], False),
    ],
    ids=["same", "beside an older", "ahead", "deliveries", "bounces", "behind", "gone"],
)
def test_rows_are_consistent_if_they_contain_the_acknowledged_totals(
    rows: WriterRows, found: list[CounterRow], *, expected: bool
) -> None:
    """A row with a larger offset belongs to another owner; a smaller one has lost something."""
    ((_, memory),) = rows.sample(0)
    assert is_consistent(memory, found) is expected


def test_a_domain_without_rows_is_consistent_with_no_rows() -> None:
    """Nothing is counted and nothing is stored."""
    rows = WriterRows(writers())
    rows.load_rows(A, [])
    ((_, memory),) = rows.sample(0)
    assert is_consistent(memory, [])
