"""Deciding from readings whether a worker keeps up."""

import pytest

from tests.tools.bench.measurement.trend import Reading, growth_seconds, while_sending

PACE = 100.0


def readings(lags: list[float], oldest: float = 0.0) -> list[Reading]:
    """Return one reading per second of a worker that reads at PACE."""
    return [Reading(float(at), PACE * at, lag, oldest) for at, lag in enumerate(lags)]


def test_a_steady_lag_does_not_grow() -> None:
    """Only the growth of the lag counts, not its size."""
    assert growth_seconds(readings([500.0] * 9, oldest=3.0)) == pytest.approx(0.0)


def test_growth_is_in_seconds_of_reading() -> None:
    """A hundred records more, at a hundred per second, are one second."""
    assert growth_seconds(readings([0, 0, 0, 0, 0, 0, 100, 100, 100])) == pytest.approx(1.0)


def test_the_warming_up_does_not_count() -> None:
    """A lag of the first third that disappears is not growth."""
    assert growth_seconds(readings([900, 600, 300, 0, 0, 0, 0, 0, 0])) == pytest.approx(0.0)


def test_unwritten_records_count() -> None:
    """A worker that reads in time and writes ever later does not keep up."""
    late = [r._replace(oldest_seconds=r.at) for r in readings([0.0] * 9)]
    assert growth_seconds(late) == pytest.approx(3.0)


def test_only_readings_during_sending_count() -> None:
    """Readings before the first record and after the end of sending are left out."""
    taken = [Reading(float(at), PACE * min(max(at - 2, 0), 4), 0.0, 0.0) for at in range(10)]
    assert [r.at for r in while_sending(taken, 4.0)] == [2.0, 3.0, 4.0, 5.0, 6.0]
