"""Choose the superseded rows to delete, and when to look for them in which buckets. Pure."""

from collections.abc import Sequence

from consumer.counting.known_buckets import KnownBuckets
from consumer.counting.rows.superseded import Retention, find_superseded
from consumer.counting.rows.writer_rows import StoredRow


class Sweeps:
    """The sweeps that are planned for one partition: each bucket once, at its earliest time.

    No sweep follows sooner than ``own_seconds``. An update that this process sent before it lost
    and regained the partition may arrive until then.
    """

    def __init__(self, buckets: KnownBuckets, retention: Retention) -> None:
        self._buckets = buckets
        self._retention = retention
        self._at: dict[int, float] = {}

    def plan(self, bucket: int, now: float, after_seconds: float = 0.0) -> None:
        """Sweep *bucket* after so many seconds, or as soon as possible."""
        at = now + max(after_seconds, self._retention.own_seconds)
        self._at[bucket] = min(at, self._at.get(bucket, at))

    def plan_for(self, bucket: int, rows: Sequence[StoredRow], now: float, wall_now: float) -> None:
        """Sweep *bucket*, of which these are the *rows*, when the first of them may be deleted."""
        superseded, next_seconds = find_superseded(rows, self._retention, wall_now)
        if superseded:
            self.plan(bucket, now)
        elif next_seconds is not None:
            self.plan(bucket, now, next_seconds)

    def pop(self, now: float) -> int | None:
        """Take out a bucket whose superseded rows may be old enough to delete, or None.

        Plan it again if it cannot be read, or its rows not be deleted.
        """
        for bucket, at in self._at.items():
            if at <= now:
                del self._at[bucket]
                return bucket
        return None

    def sweep(
        self, number: int, rows: Sequence[StoredRow], now: float, wall_now: float
    ) -> list[StoredRow]:
        """Return those of a bucket's *rows*, read since, that are to be deleted.

        A row that this process may still increment is never among them: the increment would bring
        it back without its beginning. A worker that was replaced may have written a row with a
        larger offset meanwhile; then this process abandons its own, which is deleted next time.
        """
        superseded, next_seconds = find_superseded(rows, self._retention, wall_now)
        if next_seconds is not None:
            self.plan(number, now, next_seconds)
        bucket = self._buckets.get(number)
        if bucket is None:
            return superseded
        deletable = []
        for row in superseded:
            if bucket.release(row):
                deletable.append(row)
            else:
                self.plan(number, now)
        return deletable
