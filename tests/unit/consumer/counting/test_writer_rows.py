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
    """Return another writer's row."""
    return CounterRow("t/0", OTHER, delivered, bounced, applied_offset)


@pytest.fixture
def rows() -> WriterRows:
    """Rows that know domain A to have 100 deliveries and 2 bounces up to offset 50."""
    known = WriterRows(writers())
    known.load_rows(A, [row(100, 2, 50)])
    return known


def test_a_domain_is_unknown_until_it_is_learned() -> None:
    """Nothing may be begun for a domain whose rows were not read."""
    rows = WriterRows(writers())
    assert A not in rows
    assert len(rows) == 0
    with pytest.raises(KeyError):
        rows.start_update(A, increment(1, 0, 1))


def test_a_domain_without_rows_starts_at_nothing() -> None:
    """No row in the store means that nothing is counted."""
    rows = WriterRows(writers())
    rows.load_rows(A, [])
    assert A in rows
    assert len(rows) == 1
    assert rows.totals(A) == Counters(0, 0)
    assert rows.applied_offset(A) == 0


def test_the_row_with_the_largest_offset_is_learned() -> None:
    """Of several writers' rows the newest speaks for the log, the others are older truths."""
    rows = WriterRows(writers())
    rows.load_rows(A, [row(3, 0, 7), row(90, 1, 40), row(20, 1, 30)])
    assert rows.totals(A) == Counters(90, 1)
    assert rows.applied_offset(A) == 40


def test_the_first_update_says_everything_in_a_fresh_row(rows: WriterRows) -> None:
    """A new row starts with totals + increment and never continues the row that was read."""
    update = rows.start_update(A, increment(3, 1, 60))
    assert update == RowUpdate(A, W1, 103, 3, 60, epoch=0)


def test_the_first_update_of_a_new_domain_is_its_increment() -> None:
    """Nothing + increment is the increment."""
    rows = WriterRows(writers())
    rows.load_rows(A, [])
    assert rows.start_update(A, increment(3, 1, 60)) == RowUpdate(A, W1, 3, 1, 60, epoch=0)


def test_nothing_is_counted_before_it_is_acknowledged(rows: WriterRows) -> None:
    """An update in flight moves no total; its offsets are spoken for."""
    rows.start_update(A, increment(3, 1, 60))
    assert rows.is_in_flight(A)
    assert rows.totals(A) == Counters(100, 2)
    assert rows.applied_offset(A) == 60
    assert rows.oldest_in_flight() == 59


def test_an_acknowledgement_moves_the_totals_on(rows: WriterRows) -> None:
    """What a quorum has is counted, up to the offset that was said with it."""
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    assert not rows.is_in_flight(A)
    assert rows.totals(A) == Counters(103, 3)
    assert rows.applied_offset(A) == 60
    assert rows.oldest_in_flight() is None


def test_later_updates_add_to_the_same_row(rows: WriterRows) -> None:
    """An acknowledged row is incremented by the increment alone, its offset by the distance."""
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    assert rows.start_update(A, increment(5, 0, 75)) == RowUpdate(A, W1, 5, 0, 15, epoch=0)


def test_after_a_failure_everything_is_said_again_in_a_fresh_row(rows: WriterRows) -> None:
    """A row with an update in doubt is left for good, and the same totals are said anew."""
    failed = rows.start_update(A, increment(3, 1, 60))
    owed = rows.fail(failed)
    assert owed == increment(3, 1, 60)
    assert not rows.is_in_flight(A)
    assert rows.totals(A) == Counters(100, 2)
    assert rows.applied_offset(A) == 50
    assert rows.start_update(A, owed) == RowUpdate(A, W2, 103, 3, 60, epoch=0)


def test_a_failure_of_a_later_update_leaves_the_acknowledged_totals(rows: WriterRows) -> None:
    """The fresh row repeats what its predecessor had acknowledged, and the failed increment."""
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    owed = rows.fail(rows.start_update(A, increment(5, 0, 75)))
    assert rows.start_update(A, owed) == RowUpdate(A, W2, 108, 3, 75, epoch=0)


def test_no_row_is_used_again_however_many_updates_fail(rows: WriterRows) -> None:
    """Each failure costs a row: the third try has the third writer and the same totals."""
    owed = rows.fail(rows.start_update(A, increment(3, 1, 60)))
    owed = rows.fail(rows.start_update(A, owed))
    assert rows.start_update(A, owed) == RowUpdate(A, W3, 103, 3, 60, epoch=0)


def test_rolling_leaves_every_row(rows: WriterRows) -> None:
    """After a roll each domain starts a fresh row that says everything."""
    rows.load_rows(B, [])
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    rows.acknowledge(rows.start_update(B, increment(1, 0, 61)))
    rows.start_epoch(1)
    assert rows.start_update(A, increment(1, 0, 70)) == RowUpdate(A, W3, 104, 3, 70, epoch=1)
    assert rows.start_update(B, increment(0, 4, 71)).delivered == 1


def test_an_update_of_another_epoch_is_not_believed(rows: WriterRows) -> None:
    """It may have been applied to an old copy: said again in a fresh row, it is right."""
    update = rows.start_update(A, increment(3, 1, 60))
    rows.start_epoch(1)
    with pytest.raises(ValueError, match="epoch 0"):
        rows.acknowledge(update)
    assert rows.start_update(A, rows.fail(update)) == RowUpdate(A, W2, 103, 3, 60, epoch=1)


def test_an_epoch_that_is_told_again_costs_no_row(rows: WriterRows) -> None:
    """It is told before every flush."""
    rows.start_epoch(1)
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    rows.start_epoch(1)
    assert rows.start_update(A, increment(1, 0, 61)).writer == W1


def test_an_acknowledged_row_supersedes_those_that_were_left(rows: WriterRows) -> None:
    """Failed or rolled, each is named once, when a later row speaks for it."""
    owed = rows.fail(rows.start_update(A, increment(3, 1, 60)))
    owed = rows.fail(rows.start_update(A, owed))
    assert rows.acknowledge(rows.start_update(A, owed)) == [W1, W2]
    assert rows.acknowledge(rows.start_update(A, increment(1, 0, 61))) == []
    rows.start_epoch(1)
    assert rows.acknowledge(rows.start_update(A, increment(1, 0, 62))) == [W3]


def test_a_row_left_by_hand_is_superseded_by_the_next(rows: WriterRows) -> None:
    """As after an audit that found a mismatch; without a row there is none to leave."""
    rows.abandon(A)
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    rows.abandon(A)
    rows.abandon(A)
    assert rows.acknowledge(rows.start_update(A, increment(1, 0, 61))) == [W1]


def test_the_rows_left_in_a_long_outage_are_bounded(rows: WriterRows) -> None:
    """The oldest are forgotten here, and found by whoever reads the domain next."""
    owed = increment(3, 1, 60)
    for _ in range(100):
        owed = rows.fail(rows.start_update(A, owed))
    assert len(rows.acknowledge(rows.start_update(A, owed))) == 16


def test_a_roll_during_an_update_that_fails_costs_one_row_only(rows: WriterRows) -> None:
    """Rolled and failed, the row is left once."""
    update = rows.start_update(A, increment(3, 1, 60))
    rows.start_epoch(1)
    assert rows.start_update(A, rows.fail(update)) == RowUpdate(A, W2, 103, 3, 60, epoch=1)


def test_a_row_started_after_a_roll_is_continued(rows: WriterRows) -> None:
    """One roll leaves the rows of its time only."""
    rows.start_epoch(1)
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    assert rows.start_update(A, increment(1, 0, 70)) == RowUpdate(A, W1, 1, 0, 10, epoch=1)


def test_domains_have_rows_of_their_own(rows: WriterRows) -> None:
    """The failure of one domain's update leaves no other domain's row."""
    rows.load_rows(B, [])
    rows.acknowledge(rows.start_update(B, increment(1, 0, 55)))
    rows.fail(rows.start_update(A, increment(3, 1, 60)))
    assert rows.start_update(B, increment(1, 0, 65)) == RowUpdate(B, W1, 1, 0, 10, epoch=0)


def test_the_oldest_offset_in_flight_is_that_of_all_domains(rows: WriterRows) -> None:
    """The oldest event under way is found wherever it stands."""
    rows.load_rows(B, [])
    rows.start_update(A, increment(1, 0, 60))
    update = rows.start_update(B, increment(1, 0, 55))
    assert rows.oldest_in_flight() == 54
    rows.acknowledge(update)
    assert rows.oldest_in_flight() == 59


def is_not_pending(_: object) -> bool:
    """Owe nothing to anyone."""
    return False


def test_the_longest_idle_are_forgotten_first(rows: WriterRows) -> None:
    """An acknowledged update puts its domain last in line."""
    rows.load_rows(B, [])
    rows.load_rows(C, [])
    rows.acknowledge(rows.start_update(A, increment(1, 0, 60)))
    rows.evict_idle(2, is_not_pending)
    assert [d in rows for d in (A, B, C)] == [True, False, True]


def test_nothing_is_forgotten_within_the_bound(rows: WriterRows) -> None:
    """As many as may be kept are kept."""
    rows.load_rows(B, [])
    rows.evict_idle(2, is_not_pending)
    assert len(rows) == 2


def test_what_is_in_flight_or_owed_is_never_forgotten(rows: WriterRows) -> None:
    """The bound gives way to domains that still wait for an update or its answer."""
    rows.load_rows(B, [])
    rows.load_rows(C, [])
    update = rows.start_update(A, increment(1, 0, 60))
    rows.evict_idle(0, lambda domain: domain == B)
    assert [d in rows for d in (A, B, C)] == [True, True, False]
    rows.acknowledge(update)
    assert rows.totals(A) == Counters(101, 2)


def test_a_forgotten_domain_comes_back_in_a_fresh_row(rows: WriterRows) -> None:
    """Memory of a row is never trusted across a read."""
    rows.acknowledge(rows.start_update(A, increment(3, 1, 60)))
    rows.evict_idle(0, is_not_pending)
    rows.load_rows(A, [row(103, 3, 60)])
    assert rows.start_update(A, increment(1, 0, 61)) == RowUpdate(A, W2, 104, 3, 61, epoch=0)


def test_a_second_update_of_a_domain_may_not_start(rows: WriterRows) -> None:
    """Two updates in flight would leave the increment of one of them out."""
    rows.start_update(A, increment(1, 0, 51))
    with pytest.raises(ValueError, match="two updates"):
        rows.start_update(A, increment(1, 0, 52))


def test_a_sample_leaves_out_what_is_in_flight(rows: WriterRows) -> None:
    """What moves at this moment cannot be compared."""
    rows.load_rows(B, [])
    rows.load_rows(C, [])
    rows.start_update(B, increment(1, 0, 51))
    assert [domain for domain, _ in rows.sample(0)] == [A, C]
    assert [domain for domain, _ in rows.sample(2)] == [C]


def test_knowledge_is_the_same_until_the_domain_moves(rows: WriterRows) -> None:
    """An update since the sample, even one of nothing, makes it old."""
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
def test_rows_agree_if_they_say_what_was_acknowledged(
    rows: WriterRows, found: list[CounterRow], *, expected: bool
) -> None:
    """A row that is ahead is another owner's; one that is behind has lost something."""
    ((_, memory),) = rows.sample(0)
    assert is_consistent(memory, found) is expected


def test_a_domain_without_rows_agrees_with_none() -> None:
    """Nothing counted, nothing stored."""
    rows = WriterRows(writers())
    rows.load_rows(A, [])
    ((_, memory),) = rows.sample(0)
    assert is_consistent(memory, [])
