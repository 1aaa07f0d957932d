"""Bound how much one key takes per second. Pure: the time is an argument.

A bucket is the time from which more may be taken. It fills up to a second's worth, and whoever
finds anything in it takes all that is asked for, on credit if need be: a request of many events is
never cut and never too large, and what follows it waits until the debt is paid. So the rate holds
over any longer time, whatever the sizes.
"""


class Bucket:
    """*per_second* a second, of which a second's worth, but at least one, may come at once."""

    __slots__ = ("_ahead_seconds", "_paid_at", "_seconds_each")

    def __init__(self, per_second: float) -> None:
        self._seconds_each = 1 / per_second
        self._ahead_seconds = max(0.0, 1.0 - self._seconds_each)
        self._paid_at = float("-inf")

    def wait_seconds(self, now: float) -> float:
        """Return after how long there will be something in it; 0: there is."""
        return max(0.0, self._paid_at - now)

    def take(self, amount: int, now: float) -> None:
        """Take *amount*, on credit where there is less."""
        # What was not taken in time is gone.
        self._paid_at = max(self._paid_at, now - self._ahead_seconds) + amount * self._seconds_each


class Account:
    """What one key may take: requests and events, either of them without a bound where None."""

    __slots__ = ("events", "requests")

    def __init__(self, requests_per_second: float | None, events_per_second: float | None) -> None:
        self.requests = None if requests_per_second is None else Bucket(requests_per_second)
        self.events = None if events_per_second is None else Bucket(events_per_second)

    def admit(self, events: int, now: float) -> float:
        """Take a request of *events*, all or nothing; return after how many seconds if not.

        0: it was taken. A request whose events are yet to be counted is asked with 0 of them, and
        refused all the same while others are owed.
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
