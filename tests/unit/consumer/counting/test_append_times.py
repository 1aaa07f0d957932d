"""The append time of each offset."""

from consumer.counting.append_times import MAX_MARKS, AppendTimes


def test_a_mark_covers_the_records_up_to_the_next_mark() -> None:
    """All records of a batch have one append time."""
    times = AppendTimes()
    times.record(10, 1_000)
    times.record(15, 2_000)
    assert [times.at(offset) for offset in (10, 14, 15, 99)] == [1_000, 1_000, 2_000, 2_000]


def test_a_repeated_offset_changes_nothing() -> None:
    """After a rewind the known times stay."""
    times = AppendTimes()
    times.record(10, 1_000)
    times.record(15, 2_000)
    times.record(12, 9_000)
    assert times.at(13) == 1_000


def test_an_unknown_offset_gets_the_oldest_known_time() -> None:
    """The result is 0 if nothing is known."""
    times = AppendTimes()
    assert times.at(5) == 0
    times.record(10, 1_000)
    assert times.at(5) == 1_000


def test_marks_are_bounded_and_never_make_a_record_appear_younger() -> None:
    """Every second mark is dropped: old times are less exact, the newest stay exact."""
    times = AppendTimes()
    end = 10 * MAX_MARKS
    for offset in range(end):
        times.record(offset, offset)
    assert len(times._offsets) <= MAX_MARKS
    assert times.at(0) == 0
    assert all(times.at(offset) <= offset for offset in range(0, end, 97))
    assert times.at(end - 1) >= end - 2
