"""When records were appended, by their offsets."""

from consumer.counting.append_times import MAX_MARKS, AppendTimes


def test_a_record_was_appended_with_its_batch() -> None:
    """A mark holds from its offset up to the next one."""
    times = AppendTimes()
    times.record(10, 1_000)
    times.record(15, 2_000)
    assert [times.at(offset) for offset in (10, 14, 15, 99)] == [1_000, 1_000, 2_000, 2_000]


def test_what_is_read_again_tells_nothing_new() -> None:
    """A rewind brings the offsets that are known already."""
    times = AppendTimes()
    times.record(10, 1_000)
    times.record(15, 2_000)
    times.record(12, 9_000)
    assert times.at(13) == 1_000


def test_where_nothing_was_noted_there_is_no_failure() -> None:
    """Nothing at all, or nothing as old as that: the oldest that is known."""
    times = AppendTimes()
    assert times.at(5) == 0
    times.record(10, 1_000)
    assert times.at(5) == 1_000


def test_marks_are_bounded_and_never_make_a_record_younger() -> None:
    """Every other mark goes: old records are known less exactly, the newest as they are."""
    times = AppendTimes()
    end = 10 * MAX_MARKS
    for offset in range(end):
        times.record(offset, offset)
    assert len(times._offsets) <= MAX_MARKS
    assert times.at(0) == 0
    assert all(times.at(offset) <= offset for offset in range(0, end, 97))
    assert times.at(end - 1) >= end - 2
