"""How readings of a worker tell whether it keeps up."""

import pytest

from tests.tools.bench.measurement.trend import Reading, growth_seconds, while_sending

PACE = 100.0


def readings(lags: list[float], oldest: float = 0.0) -> list[Reading]:
    """Return a reading a second of a worker that reads at PACE."""
    return [Reading(float(at), PACE * at, lag, oldest) for at, lag in enumerate(lags)]


def test_a_steady_lag_does_not_grow() -> None:
    """However long the lag is, only its growth counts."""
    assert growth_seconds(readings([500.0] * 9, oldest=3.0)) == pytest.approx(0.0)


def test_a_lag_that_grows_is_told_in_seconds_of_reading() -> None:
    """A hundred records more, at a hundred a second, are a second."""
    assert growth_seconds(readings([0, 0, 0, 0, 0, 0, 100, 100, 100])) == pytest.approx(1.0)


def test_the_warming_up_does_not_count() -> None:
    """A lag of the first third that is made good is no growth."""
    assert growth_seconds(readings([900, 600, 300, 0, 0, 0, 0, 0, 0])) == pytest.approx(0.0)


def test_what_waits_to_be_written_counts_too() -> None:
    """A worker that reads in time and writes ever later does not keep up."""
    late = [r._replace(oldest_seconds=r.at) for r in readings([0.0] * 9)]
    assert growth_seconds(late) == pytest.approx(3.0)


def test_a_worker_that_reads_nothing_is_judged_by_its_lag() -> None:
    """Without a pace each unread record counts as a second."""
    stuck = [Reading(float(at), 0.0, 10.0 * at, 0.0) for at in range(9)]
    assert growth_seconds(stuck) == pytest.approx(30.0)


def test_two_readings_are_too_few() -> None:
    """Nothing is concluded from less than three."""
    with pytest.raises(ValueError, match="three"):
        growth_seconds(readings([0.0, 0.0]))


def test_only_what_was_read_while_events_came_counts() -> None:
    """Readings before the first record and after the end of sending are left out."""
    taken = [Reading(float(at), PACE * min(max(at - 2, 0), 4), 0.0, 0.0) for at in range(10)]
    assert [r.at for r in while_sending(taken, 4.0)] == [2.0, 3.0, 4.0, 5.0, 6.0]


def test_where_no_record_came_nothing_counts() -> None:
    """A worker that read nothing gives no readings."""
    assert while_sending([Reading(float(at), 7.0, 0.0, 0.0) for at in range(5)], 4.0) == []
