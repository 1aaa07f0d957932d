"""Believe a report of Kafka only after it has lasted: a replaced leader may be stale."""

from collections.abc import Callable, Hashable

from consumer.kafka.partition_offsets import STALE_LEADER_SECONDS

GAP_SECONDS = STALE_LEADER_SECONDS / 2
"""Two reports further apart than this are not one report that lasts."""


class LastingReports:
    """When each report was made first and last. *clock* is monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._times: dict[Hashable, tuple[float, float]] = {}

    def lasts(self, subject: Hashable) -> bool:
        """Record a report about *subject*; return whether it has lasted long enough."""
        now = self._clock()
        first, last = self._times.get(subject, (now, now))
        if now - last > GAP_SECONDS:
            first = now
        self._times[subject] = first, now
        return now - first > STALE_LEADER_SECONDS

    def clear(self, subject: Hashable) -> None:
        """Forget the reports about *subject*: it works again."""
        self._times.pop(subject, None)
