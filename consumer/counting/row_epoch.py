"""Say when rows that were begun before may not be continued.

Two things end an epoch: a node of the store that may have restarted, and a gap in which this
process did not look. Frozen meanwhile, it would write into its old rows before it learns that a
node was away, or, after a longer sleep, that its rows were deleted by whoever replaced it.
"""

from collections.abc import Callable

LONGEST_GAP_SECONDS = 2.0
"""Shorter than any node's restart; a worker looks every half second. Fresh rows cost little."""


class RowEpoch:
    """The number of the epoch; ask often, and before anything is written or believed."""

    def __init__(
        self,
        store_epoch: Callable[[], int],
        clock: Callable[[], float],
        longest_gap_seconds: float,
    ) -> None:
        self._store_epoch = store_epoch
        self._clock = clock
        self._longest_gap_seconds = longest_gap_seconds
        self._seen = store_epoch()
        self._asked_at = clock()
        self._epoch = 0

    def current(self) -> int:
        """Return the number, another one than before if rows must be left."""
        seen, now = self._store_epoch(), self._clock()
        if seen != self._seen or now - self._asked_at > self._longest_gap_seconds:
            self._epoch += 1
        self._seen, self._asked_at = seen, now
        return self._epoch
