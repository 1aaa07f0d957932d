"""How many writes may be in flight, by the time that they take."""

import pytest

from consumer.counting.pacing.write_limit import WriteLimit

ROWS = 100
QUICK, SLOW = 0.023, 0.024


def limit_after(*seconds: float, rows: int = ROWS, age_seconds: float = 0.0, most: int = 16) -> int:
    """Return the limit after writes of *rows* that took so long."""
    limit = WriteLimit(most, max_age_seconds=600.0)
    for took_seconds in seconds:
        limit.record(rows, took_seconds, age_seconds)
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


@pytest.mark.parametrize(
    ("age_seconds", "took_seconds", "quick"),
    [(450.0, SLOW, False), (460.0, SLOW, True), (600.0, 1.0, True), (9_999.0, 1.1, False)],
)
def test_old_counts_may_make_writes_slower(
    age_seconds: float, took_seconds: float, *, quick: bool
) -> None:
    """From three quarters of the greatest age on they matter more than what waits behind."""
    assert (limit_after(took_seconds, age_seconds=age_seconds) == 16) is quick
