"""Tell from readings of a worker whether it keeps up. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class Reading(NamedTuple):
    """What a worker said at a time, both in seconds; counts are of records."""

    at: float
    records: float
    lag: float
    oldest_seconds: float


def growth_seconds(readings: Sequence[Reading]) -> float:
    """Return by how much the delay grew from the second to the last third of *readings*.

    The delay of a reading is the lag, as seconds of reading at the run's pace, and the age of
    what was read and is not being written yet. The first third is for warming up.
    """
    third = len(readings) // 3
    if not third:
        raise ValueError("three readings are the least")
    first, last = readings[0], readings[-1]
    seconds = last.at - first.at
    pace = (last.records - first.records) / seconds if seconds > 0 else 0.0
    delays = [_delay(reading, pace) for reading in readings]
    middle, end = delays[third : 2 * third], delays[2 * third :]
    return sum(end) / len(end) - sum(middle) / len(middle)


def _delay(reading: Reading, pace: float) -> float:
    unread = reading.lag / pace if pace > 0 else reading.lag
    return unread + reading.oldest_seconds


def while_sending(readings: Sequence[Reading], seconds: float) -> list[Reading]:
    """Return those of *readings* that were taken in the *seconds* after records began to come."""
    began = next(
        (before for before, after in pairwise(readings) if after.records > before.records), None
    )
    if began is None:
        return []
    return [r for r in readings if began.at <= r.at <= began.at + seconds]
