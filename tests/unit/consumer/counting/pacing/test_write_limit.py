"""How many writes may be in flight, by the time that they take."""

import pytest

from consumer.counting.pacing.write_limit import WriteLimit

ROWS = 100
QUICK, SLOW = 0.023, 0.024


def limit_after(
    *seconds: float,
    rows: int = ROWS,
    age_seconds: float = 0.0,
    round_seconds: float = 0.1,
    most: int = 16,
) -> int:
    """Return the limit after writes of *rows* that took so long."""
    limit = WriteLimit(most, max_age_seconds=600.0)
    for took_seconds in seconds:
        limit.record(rows, took_seconds, age_seconds, round_seconds)
    return limit.value


def test_a_slow_store_gets_ever_fewer_writes_and_always_one() -> None:
    """A tenth fewer for each slow write."""
    assert [limit_after(*[SLOW] * n) for n in (0, 1, 7, 1_000)] == [16, 14, 7, 1]


def test_a_quick_store_gets_one_more_for_each_round_of_writes() -> None:
    """Up to the most that is allowed."""
    down = [SLOW] * 1_000
    assert [limit_after(*down, *[QUICK] * n) for n in (0, 1, 4, 7)] == [1, 2, 3, 4]
    assert limit_after(*down, *[0.0] * 1_000) == 16


def test_a_write_of_more_rows_may_take_longer() -> None:
    """Else a store that has nothing else to do would get one write at a time."""
    assert [limit_after(QUICK, rows=rows) for rows in (99, 100, 256)] == [14, 16, 16]


AT_AGES = [(450, 0.023), (500, 0.0808), (525, 0.151), (600, 1.0), (9999, 1.0)]


@pytest.mark.parametrize(("age_seconds", "quick_seconds"), AT_AGES)
def test_old_counts_may_make_writes_slower(age_seconds: float, quick_seconds: float) -> None:
    """From three quarters of the greatest age on, each second allows so many per cent more."""
    assert limit_after(quick_seconds, age_seconds=age_seconds) == 16
    assert limit_after(quick_seconds * 1.01, age_seconds=age_seconds) == 14


def test_a_late_worker_leaves_the_store_idle_however_old_counts_are() -> None:
    """Changes of status that it has not read wait longer than those in the store."""
    assert limit_after(QUICK, age_seconds=600, round_seconds=0.11) == 16
    assert limit_after(SLOW, age_seconds=600, round_seconds=0.11) == 14
