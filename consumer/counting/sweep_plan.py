"""Keep when to look again for superseded rows in which buckets. Pure."""


class SweepPlan:
    """Each bucket at most once, at the earliest time that was planned for it.

    No sweep follows sooner than *least_seconds*. An update that this process sent before it lost
    and regained the partition may arrive until then.
    """

    def __init__(self, least_seconds: float) -> None:
        self._least_seconds = least_seconds
        self._at: dict[int, float] = {}

    def plan(self, bucket: int, now: float, after_seconds: float = 0.0) -> None:
        """Sweep *bucket* after so many seconds, or as soon as possible."""
        at = now + max(after_seconds, self._least_seconds)
        self._at[bucket] = min(at, self._at.get(bucket, at))

    def pop(self, now: float) -> int | None:
        """Take out a bucket whose time has come; None if there is none."""
        for bucket, at in self._at.items():
            if at <= now:
                del self._at[bucket]
                return bucket
        return None
