"""Decide how many writes may be in flight: as many as the store answers quickly. Pure.

A store that is busy with counts that merely move answers everything late: changes of status, and
the reads of query nodes. So the limit follows the time that writes take: it grows by one for each
round of quick writes, and shrinks by a tenth at each slow one (additive increase, multiplicative
decrease, as in RFC 5681). Counts get older meanwhile, and each write carries more of them. The
older they are, the more time a write may take.
"""

QUICK_SECONDS = 0.02
"""A change of status is to be visible in 0.2 s, and one write is a part of that. An idle node takes
10 ms (the window of its group commit)."""
QUICK_SECONDS_PER_ROW = 0.00003
"""A write takes longer for each of its rows, also where nothing else is to be done."""
_SLOWEST_SECONDS = 1.0
"""What is quick enough when counts are as old as they may get."""
_DECREASE = 0.9


class WriteLimit:
    """At least 1 and at most *most* writes; counts may be *max_age_seconds* old."""

    def __init__(self, most: int, max_age_seconds: float) -> None:
        self._most = float(most)
        self._max_age = max_age_seconds
        self._limit = float(most)

    @property
    def value(self) -> int:
        """How many writes may be in flight."""
        return int(self._limit)

    def record(self, rows: int, took_seconds: float, age_seconds: float) -> None:
        """Record that a write of *rows* took so long, while the oldest count was so old."""
        if took_seconds <= self._quick_seconds(rows, age_seconds):
            self._limit = min(self._limit + 1 / self._limit, self._most)
        else:
            self._limit = max(self._limit * _DECREASE, 1.0)

    def _quick_seconds(self, rows: int, age_seconds: float) -> float:
        """Return the time of a quick write: more in the last quarter of the greatest age."""
        quick = QUICK_SECONDS + rows * QUICK_SECONDS_PER_ROW
        late = min(max(4 * age_seconds / self._max_age - 3, 0.0), 1.0)
        return quick + late * (_SLOWEST_SECONDS - quick)
