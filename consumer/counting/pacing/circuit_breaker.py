"""Decide when to write to a set of replicas again after a failure. Pure.

Each failed write costs its domains their rows. So after a failure nothing is sent for a while;
then one small write probes. Several in a row must succeed before full writes go out again. There
is one circuit per set of replicas: a set without a quorum does not hold up the others.
"""


class CircuitBreaker:
    """Closed: write at full size. Open: write nothing. In between: one small write at a time."""

    SMALL_WRITE = 4
    SUCCESSES_TO_CLOSE = 3
    MIN_WAIT_SECONDS = 0.2
    MAX_WAIT_SECONDS = 2.0

    def __init__(self) -> None:
        self._wait_seconds = 0.0
        self._successes = self.SUCCESSES_TO_CLOSE
        self._not_before = 0.0
        self._probing = False

    @property
    def closed(self) -> bool:
        """Whether nothing failed lately."""
        return self._successes >= self.SUCCESSES_TO_CLOSE

    def may_probe(self, now: float) -> bool:
        """Return whether one small write may go out now."""
        return not self._probing and now >= self._not_before

    def retry_at(self, now: float) -> float:
        """Return when to ask again."""
        return max(self._not_before, now + self.MIN_WAIT_SECONDS)

    def start_probe(self) -> None:
        """Record that a small write goes out."""
        self._probing = True

    def end_probe(self) -> None:
        """Record that the small write has ended, with any outcome; the next one may follow."""
        self._probing = False

    def record_success(self) -> None:
        """Record an acknowledged write."""
        self._wait_seconds = 0.0
        self._successes = min(self._successes + 1, self.SUCCESSES_TO_CLOSE)

    def record_failure(self, now: float) -> None:
        """Record a write that failed or whose outcome is unknown."""
        self._successes = 0
        if now < self._not_before:
            return  # one of several that were in flight together: one failure, one step
        self._wait_seconds = min(
            max(self._wait_seconds * 2, self.MIN_WAIT_SECONDS), self.MAX_WAIT_SECONDS
        )
        self._not_before = now + self._wait_seconds
