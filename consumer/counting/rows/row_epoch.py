"""Decide when existing rows must not be continued.

Two things end an epoch: a store node that may have restarted, and a gap in which this process
did not check. After a freeze the process would write into its old rows before it notices that
a node was away or, after a longer one, that the worker which replaced it has deleted its rows.
"""

from collections.abc import Callable

LONGEST_GAP_SECONDS = 2.0
"""Shorter than a node's restart. A worker checks every half second; new rows cost little."""


class RowEpoch:
    """The number of the current epoch.

    Call ``current`` often, before each write, and before an acknowledgement is accepted.
    """

    def __init__(
        self,
        store_epoch: Callable[[], int],
        clock: Callable[[], float],
        longest_gap_seconds: float,
    ) -> None:
        self._store_epoch = store_epoch
        self._clock = clock
        self._longest_gap_seconds = longest_gap_seconds
        self._last_store_epoch = store_epoch()
        self._checked_at = clock()
        self._epoch = 0

    def current(self) -> int:
        """Return the number; it is a new one if the rows must be abandoned."""
        store_epoch, now = self._store_epoch(), self._clock()
        gap_seconds = now - self._checked_at
        if store_epoch != self._last_store_epoch or gap_seconds > self._longest_gap_seconds:
            self._epoch += 1
        self._last_store_epoch, self._checked_at = store_epoch, now
        return self._epoch
