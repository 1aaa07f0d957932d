"""Decide how many writes may be in flight: as many as the store answers quickly. Pure.

A store that is busy with counts that merely move answers everything late: changes of status, and
the reads of query nodes. So the limit follows the time that writes take: it grows by one for each
round of quick writes, and shrinks by a tenth at each slow one (additive increase, multiplicative
decrease, as in RFC 5681). Counts get older meanwhile, and each write carries more of them. From
three quarters of their longest permitted age on, a write may take more time, unless the worker is
late itself: a change of status that it has not read waits longer than one that the store delays.
"""

QUICK_SECONDS = 0.02
"""A change of status is to be visible in 0.2 s, and one write is a part of that. An idle node takes
10 ms (the window of its group commit)."""
QUICK_SECONDS_PER_ROW = 0.00003
"""A write takes longer for each of its rows, also where nothing else is to be done."""
_SLOWEST_SECONDS = 1.0
"""What is quick enough when counts have their longest permitted age, or are older."""
_MOST_ROUND_SECONDS = 0.1
"""A change of status is to be visible in 0.2 s, and it waits for a round of records."""
_DECREASE = 0.9


class WriteLimit:
    """At least 1 and at most *most* writes; counts should be at most *max_age_seconds* old."""

    def __init__(self, most: int, max_age_seconds: float) -> None:
        self._most = float(most)
        self._max_age = max_age_seconds
        self._limit = float(most)

    @property
    def value(self) -> int:
        """How many writes may be in flight."""
        return int(self._limit)

    def record(
        self, rows: int, took_seconds: float, age_seconds: float, round_seconds: float
    ) -> None:
        """Record that a write of *rows* took so long, while the oldest count was so old.

        The worker needed *round_seconds* for the last records that it had fetched.
        """
        overdue = 0.0
        if round_seconds <= _MOST_ROUND_SECONDS:
            overdue = min(max(4 * age_seconds / self._max_age - 3, 0.0), 1.0)
        quick_seconds = QUICK_SECONDS + rows * QUICK_SECONDS_PER_ROW
        if took_seconds <= quick_seconds * (_SLOWEST_SECONDS / quick_seconds) ** overdue:
            self._limit = min(self._limit + 1 / self._limit, self._most)
        else:
            self._limit = max(self._limit * _DECREASE, 1.0)
