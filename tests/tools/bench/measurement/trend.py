"""Decide from readings of a worker whether it keeps up. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

_LEAST_READINGS = 3


class Reading(NamedTuple):
    """The metrics of a worker at a time; times in seconds, counts in records."""

    at: float
    records: float
    lag: float
    oldest_seconds: float


def growth_seconds(readings: Sequence[Reading]) -> float:
    """Return the growth of the delay from the second to the last third of *readings*.

    The delay of a reading is the lag (as seconds of reading at the rate of the run) plus the age of
    the oldest event that is read but not being written. The first third is for warming up.
    """
    delays = _delays(readings)
    third = len(delays) // 3
    middle, end = delays[third : 2 * third], delays[2 * third :]
    return sum(end) / len(end) - sum(middle) / len(middle)


def longest_delay_seconds(readings: Sequence[Reading]) -> float:
    """Return the longest delay, as ``growth_seconds`` defines it, in the last third."""
    delays = _delays(readings)
    return max(delays[2 * len(delays) // 3 :])


def _delays(readings: Sequence[Reading]) -> list[float]:
    if len(readings) < _LEAST_READINGS:
        raise ValueError("a trend needs at least three readings")
    first, last = readings[0], readings[-1]
    seconds = last.at - first.at
    pace = (last.records - first.records) / seconds if seconds > 0 else 0.0
    return [_delay(reading, pace) for reading in readings]


def _delay(reading: Reading, pace: float) -> float:
    unread = reading.lag / pace if pace > 0 else reading.lag
    return unread + reading.oldest_seconds


def while_sending(readings: Sequence[Reading], seconds: float) -> list[Reading]:
    """Return the *readings* of the *seconds* after the first records arrived."""
    began = next(
        (before for before, after in pairwise(readings) if after.records > before.records), None
    )
    if began is None:
        return []
    return [r for r in readings if began.at <= r.at <= began.at + seconds]
