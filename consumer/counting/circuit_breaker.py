"""Limit the writes to a failing store. Pure: the caller passes the time."""


class CircuitBreaker:
    """How many domains go into a batch, and how long to wait after a failure.

    While a replica is dead and nobody knows it yet, a batch fails if any of its updates
    picks that replica as leader, so large ones fail almost surely and every failure costs
    each of its domains its row. Hence: after a failure wait, probe with one small batch, stay
    small until three in a row succeed.
    """

    SMALL_BATCH = 4
    SUCCESSES_TO_TRUST = 3
    MIN_WAIT_SECONDS = 0.2
    MAX_WAIT_SECONDS = 2.0

    def __init__(self, full_batch: int) -> None:
        self._full_batch = full_batch
        self._last_wait_seconds = 0.0
        self._successes = self.SUCCESSES_TO_TRUST
        self._not_before = 0.0

    @property
    def batch_size(self) -> int:
        """How many domains the next batch may have."""
        trusted = self._successes >= self.SUCCESSES_TO_TRUST
        return self._full_batch if trusted else min(self.SMALL_BATCH, self._full_batch)

    @property
    def probing(self) -> bool:
        """Whether only one batch may be out, because the last one failed."""
        return self._successes == 0

    def wait_seconds(self, now: float) -> float:
        """Return for how many seconds nothing may be sent yet."""
        return max(0.0, self._not_before - now)

    def record_success(self) -> None:
        """Note an acknowledged batch."""
        self._last_wait_seconds = 0.0
        self._successes = min(self._successes + 1, self.SUCCESSES_TO_TRUST)

    def record_failure(self, now: float) -> None:
        """Note a batch whose outcome is a failure or unknown."""
        self._successes = 0
        if now < self._not_before:
            return  # one of several that were out together: one failure, one step
        self._last_wait_seconds = min(
            max(self._last_wait_seconds * 2, self.MIN_WAIT_SECONDS), self.MAX_WAIT_SECONDS
        )
        self._not_before = now + self._last_wait_seconds
