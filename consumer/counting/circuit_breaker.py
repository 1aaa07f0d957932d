"""Limit writes to a store that fails. Pure: the caller passes the time."""


class CircuitBreaker:
    """The number of domains in a batch, and the wait after a failure.

    While a replica is down and the driver has not noticed, a batch fails if that replica leads
    any of its updates. So a large batch fails almost always, and each failure costs each of its
    domains a row. After a failure the breaker waits, then allows one small batch as a probe, and
    keeps batches small until three in a row succeed.
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
        """The largest number of domains in the next batch."""
        trusted = self._successes >= self.SUCCESSES_TO_TRUST
        return self._full_batch if trusted else min(self.SMALL_BATCH, self._full_batch)

    @property
    def probing(self) -> bool:
        """Whether only one batch may be in flight, because the last one failed."""
        return self._successes == 0

    def wait_seconds(self, now: float) -> float:
        """Return the seconds until the next batch may be sent."""
        return max(0.0, self._not_before - now)

    def record_success(self) -> None:
        """Record an acknowledged batch."""
        self._last_wait_seconds = 0.0
        self._successes = min(self._successes + 1, self.SUCCESSES_TO_TRUST)

    def record_failure(self, now: float) -> None:
        """Record a batch that failed, or whose outcome is unknown."""
        self._successes = 0
        if now < self._not_before:
            return  # batches in flight together fail together: that is one failure
        self._last_wait_seconds = min(
            max(self._last_wait_seconds * 2, self.MIN_WAIT_SECONDS), self.MAX_WAIT_SECONDS
        )
        self._not_before = now + self._last_wait_seconds
