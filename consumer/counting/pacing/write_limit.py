"""Decide how many writes may be in flight: as many as the store answers quickly. Pure.

A store that is busy with counts that merely move answers everything late: changes of status, and
the reads of query nodes. So the limit follows the time that writes take: it grows by one for each
round of quick writes, and shrinks by a tenth at each slow one (additive increase, multiplicative
decrease, as in RFC 5681). Counts get older meanwhile, and each write carries more of them. From
half of their longest permitted age on, ever more writes may be in flight however long they take, up
to half of the most; but not while the worker is late itself, because a change of status that it has
not read waits longer than one that the store delays.
"""

QUICK_SECONDS = 0.02
"""A change of status is to be visible in 0.2 s, and one write is a part of that. An idle node takes
10 ms (the window of its group commit)."""
QUICK_SECONDS_PER_ROW = 0.00003
"""A write takes longer for each of its rows, also where nothing else is to be done."""
_LATE_SECONDS = 0.1
"""A round of records that takes longer makes the worker late: a change of status is to be visible
in 0.2 s, and it waits for a round. With twice as long, the age of counts no longer matters."""
_ROUND_WEIGHT = 0.1
"""Of the last round in the mean: records come in bursts, so one round says little."""
_DECREASE = 0.9


class WriteLimit:
    """At least 1 and at most *most* writes; counts should be at most *max_age_seconds* old."""

    def __init__(self, most: int, max_age_seconds: float) -> None:
        self._most = float(most)
        self._max_age = max_age_seconds
        self._limit = float(most)
        self._round_seconds = 0.0
        """The mean of the last rounds, weighted by age."""

    @property
    def value(self) -> int:
        """How many writes may be in flight."""
        return int(self._limit)

    def record_round(self, seconds: float) -> None:
        """Record that the worker needed so long for the records that it had fetched."""
        self._round_seconds += (seconds - self._round_seconds) * _ROUND_WEIGHT

    def record(self, rows: int, took_seconds: float, age_seconds: float) -> None:
        """Record that a write of *rows* took so long, while the oldest count was so old."""
        if took_seconds <= QUICK_SECONDS + rows * QUICK_SECONDS_PER_ROW:
            self._limit = min(self._limit + 1 / self._limit, self._most)
        else:
            self._limit *= _DECREASE
        overdue = _clamp(2 * age_seconds / self._max_age - 1)
        in_time = _clamp(2 - self._round_seconds / _LATE_SECONDS)
        self._limit = max(self._limit, 1 + (self._most / 2 - 1) * overdue * in_time, 1.0)


def _clamp(value: float) -> float:
    return min(max(value, 0.0), 1.0)
