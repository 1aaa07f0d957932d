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
    """Return the limit after many rounds and then writes of *rows* that took so long."""
    limit = WriteLimit(most, max_age_seconds=600.0)
    for _ in range(1_000):
        limit.record_round(round_seconds)
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
    ("age_seconds", "least"), [(300, 1), (350, 2), (450, 4), (600, 8), (9e9, 8)]
)
def test_old_counts_are_written_however_slow_the_store_is(age_seconds: float, least: int) -> None:
    """From half of the greatest age on, up to half of the most writes."""
    assert limit_after(*[SLOW] * 1_000, age_seconds=age_seconds) == least
    assert limit_after(*[QUICK] * 1_000, age_seconds=age_seconds) == 16


AT_ROUNDS = [(0.0, 8), (0.1, 8), (0.15, 4), (0.2, 1), (9.0, 1)]


@pytest.mark.parametrize(("round_seconds", "least"), AT_ROUNDS)
def test_a_late_worker_leaves_the_store_idle_however_old_counts_are(
    round_seconds: float, least: int
) -> None:
    """Changes of status that it has not read wait longer than those in the store."""
    assert limit_after(*[SLOW] * 1_000, age_seconds=600, round_seconds=round_seconds) == least


def test_one_late_round_among_others_says_little() -> None:
    """Records come in bursts."""
    limit = WriteLimit(16, max_age_seconds=600.0)
    limit.record_round(0.9)
    for _ in range(1_000):
        limit.record(ROWS, SLOW, age_seconds=600.0)
    assert limit.value == 8


@pytest.mark.parametrize("most", [1, 2])
def test_few_writes_stay_few(most: int) -> None:
    """Half of them is one, or less."""
    assert limit_after(*[SLOW] * 1_000, age_seconds=600, most=most) == 1
