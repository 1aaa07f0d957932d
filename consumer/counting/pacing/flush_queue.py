"""Keep the buckets that owe something in the order in which they are to be written. Pure."""

import heapq
from itertools import count


class FlushQueue:
    """Changes of status first; then the rest of a bucket in its turn; then what has owed longest.

    A bucket whose write could not carry all that it owed at its turn is written again at once, so
    counts are no older than the time of one round. Else a bucket that was just written waits
    ``min_interval_seconds``, so a busy one costs one turn in that time. A quiet bucket goes at its
    first event: an idle system shows every event at once. How old counts get beyond that follows
    from how fast the store takes writes.
    """

    def __init__(self, min_interval_seconds: float) -> None:
        self._min_interval = min_interval_seconds
        self._urgent: dict[int, None] = {}
        self._resumed: dict[int, None] = {}
        self._ready: dict[int, None] = {}
        # Entries that no longer match their bucket's time are passed over when popped.
        self._later: list[tuple[float, int, int]] = []
        self._later_at: dict[int, tuple[float, bool]] = {}
        self._order = count()
        self._draining = False

    @property
    def _lines(self) -> tuple[dict[int, None], ...]:
        """The buckets that may be written, by rank."""
        return self._urgent, self._resumed, self._ready

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines) + len(self._later_at)

    def schedule(self, bucket: int, written_at: float | None, *, urgent: bool) -> None:
        """Put *bucket* in line; it was last written at *written_at*, if ever."""
        if urgent:
            self._remove(bucket)
            self._urgent[bucket] = None
        elif bucket in self._later_at or any(bucket in line for line in self._lines):
            return
        elif written_at is None or self._draining:
            self._ready[bucket] = None
        else:
            self.defer(bucket, written_at + self._min_interval, urgent=False)

    def resume(self, bucket: int) -> None:
        """Put *bucket*, which was just written, before all but changes of status."""
        self._remove(bucket)
        self._resumed[bucket] = None

    def defer(self, bucket: int, until: float, *, urgent: bool) -> None:
        """Put *bucket* back in line no sooner than *until*."""
        self._remove(bucket)
        self._later_at[bucket] = (until, urgent)
        heapq.heappush(self._later, (until, next(self._order), bucket))

    def pop(self, now: float, *, urgent_only: bool = False) -> int | None:
        """Take out the bucket whose turn it is; return None if there is none."""
        self._admit(now)
        for line in (self._urgent,) if urgent_only else self._lines:
            for bucket in line:
                del line[bucket]
                return bucket
        return None

    def has_urgent(self, now: float) -> bool:
        """Return whether a change of status waits and may be written."""
        self._admit(now)
        return bool(self._urgent)

    def next_at(self, now: float) -> float | None:
        """Return when the next bucket may be written: *now* if one may, None if none waits."""
        self._admit(now)
        if any(self._lines):
            return now
        return self._later[0][0] if self._later else None

    def drain(self) -> None:
        """Write every bucket as soon as possible from now on, whenever it was last written."""
        self._draining = True
        for bucket, (_, urgent) in self._later_at.items():
            (self._urgent if urgent else self._ready)[bucket] = None
        self._later, self._later_at = [], {}

    def stop_draining(self) -> None:
        """Let buckets wait again: the partition continues."""
        self._draining = False

    def _admit(self, now: float) -> None:
        """Let in what has waited long enough, and drop entries that were overtaken."""
        while self._later:
            until, _, bucket = self._later[0]
            waits = self._later_at.get(bucket)
            if waits is not None and waits[0] == until:
                if until > now:
                    return
                del self._later_at[bucket]
                (self._urgent if waits[1] else self._ready)[bucket] = None
            heapq.heappop(self._later)

    def _remove(self, bucket: int) -> None:
        self._later_at.pop(bucket, None)
        for line in self._lines:
            line.pop(bucket, None)
