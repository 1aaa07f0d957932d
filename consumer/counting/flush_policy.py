"""Decide when a domain is due to be written. Pure: the caller passes the time."""

from dataclasses import dataclass

from consumer.counting.aggregate import Increment
from shared.model.counter import Counters
from shared.model.status import classify


@dataclass(frozen=True, slots=True)
class FlushPolicy:
    """A change of status is due at once; other counts at most once per ``max_age_seconds``.

    A domain without a write in that time is due at its first event. So an idle system shows
    every event at once, and a busy domain costs one write per ``max_age_seconds``, however
    many events it has.
    """

    threshold: int
    max_age_seconds: float

    def due_at(self, counted: Counters, increment: Increment, last_flush_at: float | None) -> float:
        """Return when *increment* is due, on top of *counted*, which the store has."""
        if last_flush_at is None:
            return increment.since
        after = Counters(
            counted.delivered + increment.delivered, counted.bounced + increment.bounced
        )
        if self._changes_status(counted, after):
            return increment.since
        return max(increment.since, last_flush_at + self.max_age_seconds)

    def _changes_status(self, before: Counters, after: Counters) -> bool:
        return classify(before, self.threshold) is not classify(after, self.threshold)
