"""Keep the buckets that owe something in the order in which they are to be written. Pure."""

import heapq
from itertools import count
from typing import NamedTuple


class _Later(NamedTuple):
    """A bucket that waits until a time."""

    until: float
    since: float
    urgent: bool


class FlushQueue:
    """Changes of status first; then the bucket with the oldest event that is not counted.

    So a bucket that owes more than a write carries, or of which only a change of status was
    written, keeps its rank, and counts are no older than the time of one round of all buckets. How
    old that is follows from how fast the store takes writes.

    A bucket that was just written waits ``min_interval_seconds``, so a busy one costs one write
    in that time. A quiet bucket goes at its first event: an idle system shows every event at once.
    """

    def __init__(self, min_interval_seconds: float) -> None:
        self._min_interval = min_interval_seconds
        self._urgent: dict[int, None] = {}
        self._ready: dict[int, float] = {}
        self._later: dict[int, _Later] = {}
        # Heaps of the last two. An entry that no longer matches its bucket is passed over.
        self._by_since: list[tuple[float, int, int]] = []
        self._by_until: list[tuple[float, int, int]] = []
        self._order = count()
        self._draining = False

    def __len__(self) -> int:
        return len(self._urgent) + len(self._ready) + len(self._later)

    def schedule(
        self, bucket: int, since: float, written_at: float | None, *, urgent: bool
    ) -> None:
        """Put *bucket* in line. It owes events that were read from *since* on.

        It was last written at *written_at*; None: never.
        """
        if urgent:
            self._remove(bucket)
            self._urgent[bucket] = None
        elif bucket in self._urgent or bucket in self._ready or bucket in self._later:
            return
        elif written_at is None or self._draining:
            self._admit(bucket, since, urgent=False)
        else:
            self.defer(bucket, since, written_at + self._min_interval, urgent=False)

    def defer(self, bucket: int, since: float, until: float, *, urgent: bool) -> None:
        """Put *bucket* back in line no sooner than *until*."""
        self._remove(bucket)
        self._later[bucket] = _Later(until, since, urgent)
        heapq.heappush(self._by_until, (until, next(self._order), bucket))

    def pop(self, now: float, *, urgent_only: bool = False) -> int | None:
        """Take out the bucket whose turn it is; return None if there is none."""
        self._admit_due(now)
        for bucket in self._urgent:
            del self._urgent[bucket]
            return bucket
        while self._by_since and not urgent_only:
            since, _, bucket = heapq.heappop(self._by_since)
            if self._ready.get(bucket) == since:
                del self._ready[bucket]
                return bucket
        return None

    def has_urgent(self, now: float) -> bool:
        """Return whether a change of status waits and may be written."""
        self._admit_due(now)
        return bool(self._urgent)

    def next_at(self, now: float) -> float | None:
        """Return when the next bucket may be written: *now* if one may, None if none waits."""
        self._admit_due(now)
        if self._urgent or self._ready:
            return now
        return self._by_until[0][0] if self._by_until else None

    def drain(self) -> None:
        """Write every bucket as soon as possible from now on, whenever it was last written."""
        self._draining = True
        for bucket, (_, since, urgent) in self._later.items():
            self._admit(bucket, since, urgent=urgent)
        self._later, self._by_until = {}, []

    def stop_draining(self) -> None:
        """Let buckets wait again: the partition continues."""
        self._draining = False

    def _admit(self, bucket: int, since: float, *, urgent: bool) -> None:
        if urgent:
            self._urgent[bucket] = None
        else:
            self._ready[bucket] = since
            heapq.heappush(self._by_since, (since, next(self._order), bucket))

    def _admit_due(self, now: float) -> None:
        """Let in what has waited long enough, and drop entries that were overtaken."""
        while self._by_until:
            until, _, bucket = self._by_until[0]
            waits = self._later.get(bucket)
            if waits is not None and waits.until == until:
                if until > now:
                    return
                del self._later[bucket]
                self._admit(bucket, waits.since, urgent=waits.urgent)
            heapq.heappop(self._by_until)

    def _remove(self, bucket: int) -> None:
        self._urgent.pop(bucket, None)
        self._ready.pop(bucket, None)
        self._later.pop(bucket, None)
