"""Limit how much one API key takes per second. Pure: the time is an argument.

A token bucket that gives credit. It fills up to the amount of one second. A request that finds it
not empty takes all that it needs, on credit if necessary: a request of many events is never cut and
never too large, and the next one waits until the debt is paid. So the rate holds over any longer
time, whatever the sizes.
"""


class TokenBucket:
    """*per_second* a second; the amount of one second, but at least one, may be taken at once."""

    __slots__ = ("_ahead_seconds", "_paid_at", "_seconds_each")

    def __init__(self, per_second: float) -> None:
        self._seconds_each = 1 / per_second
        self._ahead_seconds = max(0.0, 1.0 - self._seconds_each)
        self._paid_at = float("-inf")

    def wait_seconds(self, now: float) -> float:
        """Return the time until it is not empty; 0: it is not empty now."""
        return max(0.0, self._paid_at - now)

    def take(self, amount: int, now: float) -> None:
        """Take *amount*, on credit if there is less."""
        # What is not taken within a second is lost.
        self._paid_at = max(self._paid_at, now - self._ahead_seconds) + amount * self._seconds_each


class Quota:
    """How many requests and events one API key may send; None: no limit."""

    __slots__ = ("events", "requests")

    def __init__(self, requests_per_second: float | None, events_per_second: float | None) -> None:
        self.requests = None if requests_per_second is None else TokenBucket(requests_per_second)
        self.events = None if events_per_second is None else TokenBucket(events_per_second)

    def admit(self, events: int, now: float) -> float:
        """Take a request and its *events*, or nothing; return how many seconds it has to wait.

        0: they were taken. *events* is 0 for a request whose events are not counted yet; it has to
        wait, too, while there is a debt of events.
        """
        requests, bucket = self.requests, self.events
        wait = max(
            0.0 if requests is None else requests.wait_seconds(now),
            0.0 if bucket is None else bucket.wait_seconds(now),
        )
        if wait == 0.0:
            if requests is not None:
                requests.take(1, now)
            if bucket is not None and events:
                bucket.take(events, now)
        return wait

    def admit_events(self, events: int, now: float) -> float:
        """Take *events* of a request that was taken before, all or nothing, as ``admit`` does."""
        bucket = self.events
        wait = 0.0 if bucket is None else bucket.wait_seconds(now)
        if bucket is not None and wait == 0.0:
            bucket.take(events, now)
        return wait
