"""Compare the known totals of a bucket with what the store has of it. Pure."""

from collections.abc import Iterable, Sequence
from operator import attrgetter

from consumer.counting.bucket import Bucket
from consumer.counting.known_buckets import BucketVersion, KnownBuckets
from consumer.counting.pacing.flush_queue import FlushQueue
from consumer.counting.rows.writer_rows import StoredRow
from shared.model.domain import DomainName


class Audits:
    """The audits of one ledger."""

    def __init__(self, buckets: KnownBuckets, queue: FlushQueue) -> None:
        self._buckets = buckets
        self._queue = queue

    def start(self, chance: float) -> BucketVersion | None:
        """Return the known bucket at *chance* (0 up to 1) to compare with the store, if any."""
        return self._buckets.choose(chance)

    def compare(
        self, version: BucketVersion, rows: Sequence[StoredRow], next_offset: int, now: float
    ) -> list[DomainName]:
        """Compare a bucket with its *rows*, read since; return the domains that differ.

        Each of them gets a fresh row with its full totals. Nothing is compared if the bucket was
        written meanwhile. All events below *next_offset* were added.
        """
        bucket = version.known
        if not self._buckets.is_current(version):
            return []
        # A row that covers records which are not read again yet is repaired by a later audit: its
        # totals are not those below the offset of the next write.
        wrong = [i for i in find_differences(bucket, rows) if bucket.applied[i] <= next_offset]
        if not wrong:
            return []
        for index in wrong:
            bucket.repair(index, next_offset, now)
        self._buckets.start(bucket)
        self._queue.schedule(bucket.number, bucket.owed.since, None, urgent=True)
        domains = list(bucket.index)
        return [DomainName(domains[index].decode("ascii")) for index in wrong]


def find_differences(bucket: Bucket, rows: Iterable[StoredRow]) -> list[int]:
    """Return the indexes of domains of which *rows*, read at a quorum, show too little.

    No write may have been in flight since they were read. A larger offset is another owner's, who
    continues where this process no longer may.
    """
    newest: dict[bytes, StoredRow] = {}
    for row in sorted(rows, key=attrgetter("applied_offset"), reverse=True):
        newest.setdefault(row.domain, row)  # of equal offsets the first: a row that repairs
    wrong: list[int] = []
    for domain, index in bucket.index.items():
        applied, found = bucket.applied[index], newest.get(domain)
        if applied == 0 or (found is not None and found.applied_offset > applied):
            continue
        known = bucket.counted(index)
        if found is None or found[2:] != (known.delivered, known.bounced, applied):
            wrong.append(index)
    return wrong
