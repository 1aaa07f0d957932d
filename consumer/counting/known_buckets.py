"""Keep the buckets that a partition knows, and which of them owe something. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from consumer.counting.bucket import Bucket
from consumer.counting.owed_domains import OwedDomains
from consumer.counting.rows.writer_rows import BucketWrite


class BucketVersion(NamedTuple):
    """A known bucket without a write in flight, when an audit began to read it."""

    known: Bucket
    begun: int

    @property
    def bucket(self) -> int:
        """Its number."""
        return self.known.number


class KnownBuckets:
    """Buckets by number; ``domains`` is the number of domains in them.

    A bucket is *busy* while it owes something or has a write in flight; it is never forgotten then.
    """

    def __init__(self) -> None:
        self.domains = 0
        # Longest without an acknowledged write first.
        self._buckets: dict[int, Bucket] = {}
        self.get = self._buckets.get
        self._busy: dict[int, Bucket] = {}
        # Our writers in buckets that are no longer in memory, of the current epoch.
        self._evicted: dict[int, Sequence[bytes]] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._buckets

    def __getitem__(self, number: int) -> Bucket:
        return self._buckets[number]

    @property
    def any_busy(self) -> bool:
        """Whether anything is owed or in flight."""
        return bool(self._busy)

    def add(self, bucket: Bucket) -> None:
        """Add a bucket whose rows are loaded."""
        self._buckets[bucket.number] = bucket
        self.domains += len(bucket.index)

    def start(self, bucket: Bucket) -> None:
        """Record that *bucket* owes something."""
        self._busy[bucket.number] = bucket

    def finish(self, bucket: Bucket) -> None:
        """Record that *bucket* owes nothing and has no write in flight."""
        del self._busy[bucket.number]

    def touch(self, bucket: Bucket) -> None:
        """Record an acknowledged write: of the idle buckets this one is forgotten last."""
        del self._buckets[bucket.number]
        self._buckets[bucket.number] = bucket

    def choose(self, chance: float) -> BucketVersion | None:
        """Return the bucket at *chance*, from 0 up to 1.

        None if none is known, or the write of that one is in flight.
        """
        if not self._buckets:
            return None
        bucket = list(self._buckets.values())[int(chance * len(self._buckets))]
        return None if bucket.in_flight else BucketVersion(bucket, bucket.begun)

    def is_current(self, version: BucketVersion) -> bool:
        """Return whether a bucket is still known, and was not written meanwhile."""
        bucket = version.known
        return self._buckets.get(bucket.number) is bucket and bucket.begun == version.begun

    def evict_idle(self, keep: int, epoch: int) -> None:
        """Forget idle buckets, longest unwritten first, until at most *keep* domains are known."""
        if self.domains <= keep:
            return
        for number, bucket in list(self._buckets.items()):
            if number in self._busy:
                continue
            del self._buckets[number]
            self.domains -= len(bucket.index)
            if writers := bucket.rows.in_use(epoch):
                self._evicted[number] = writers
            if self.domains <= keep:
                return

    def pop_writers(self, number: int) -> Sequence[bytes]:
        """Return our writers of this epoch in a bucket that was forgotten."""
        return self._evicted.pop(number, ())

    def start_epoch(self) -> None:
        """Drop the writers of forgotten buckets: their rows are not continued."""
        self._evicted.clear()

    def in_flight(self) -> list[BucketWrite]:
        """Return the writes that have no result yet."""
        return [b.in_flight for b in self._busy.values() if b.in_flight is not None]

    def unacknowledged(self) -> Iterator[BucketWrite | OwedDomains]:
        """Yield what has the oldest event of each busy bucket: its write, else what it owes."""
        return (bucket.in_flight or bucket.owed for bucket in self._busy.values())
