"""Account for one topic partition: what was read, what is owed, what may be committed. Pure.

Time, rows and results come in as arguments, so the same code runs against a simulated store. The
path of an event::

    add --> unknown bucket: kept until the bucket is read (pop_unread, load_rows)
        --> known bucket: skipped if it is counted already; else owed, and the bucket is put in line
    pop_due, begin --> a write in flight --> acknowledge: counted  |  fail: owed again
    a change of status is published once it is acknowledged (changes)
    superseded rows are deleted later (sweep); known totals are compared with the store (audits)
"""

from collections.abc import Callable, Sequence

from consumer.counting.append_times import AppendTimes
from consumer.counting.audits import Audits
from consumer.counting.bucket import Bucket
from consumer.counting.changes import ChangeOutbox
from consumer.counting.dead_letter_outbox import DeadLetterOutbox
from consumer.counting.early_events import EarlyEvent, EarlyEvents
from consumer.counting.known_buckets import KnownBuckets
from consumer.counting.ledger_rules import LedgerRules
from consumer.counting.pacing.flush_queue import FlushQueue
from consumer.counting.rows.sweeps import Sweeps
from consumer.counting.rows.writer_rows import BucketWrite, StoredRow
from shared.errors import LogRewrittenError
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.event import EventKind
from shared.model.partitioning import bucket_of
from shared.model.record import Sums, decode_domain

_DELIVERED = EventKind.DELIVERED  # the lookup of a member takes 2 % of counting an event


class PartitionLedger:
    """What one process knows and owes of one topic partition.

    ``next_offset`` is the offset of the next record to read; ``changes`` are the changes of
    status to publish, ``dead_letters`` the records that cannot be decoded; ``sweeps`` plans
    deletions, ``audits`` comparisons. Nothing here is shared between processes.
    """

    def __init__(
        self,
        topic_partition: str,
        first_offset: int,
        rules: LedgerRules,
        new_writer: Callable[[], bytes],
    ) -> None:
        self.topic_partition = topic_partition
        self.next_offset = first_offset
        self.replayed = 0
        self._rules = rules
        self._new_writer = new_writer
        self._epoch = 0
        self._times = AppendTimes()
        self.changes = ChangeOutbox(topic_partition, rules.threshold, self._times)
        self.dead_letters = DeadLetterOutbox()
        self._buckets = KnownBuckets()
        self._queue = FlushQueue(rules.min_interval_seconds)
        self._early = EarlyEvents()
        self.sweeps = Sweeps(self._buckets, rules.retention)
        self.audits = Audits(self._buckets, self._queue)

    @property
    def known_domains(self) -> int:
        """The number of domains in memory."""
        return self._buckets.domains

    # ---- records

    def add(self, domain: bytes, kind: EventKind, count: int, offset: int, now: float) -> None:
        """Add *count* events of the record at *offset*, unless it was added before.

        *domain* is the record's key. Raises UndecodableRecordError, and adds nothing, if it is
        not the one spelling of a domain.
        """
        if offset < self.next_offset:
            return
        number = bucket_of(domain, self._rules.buckets)
        bucket = self._buckets.get(number)
        if bucket is not None:
            self._count(bucket, domain, kind, count, offset, now)
        else:
            decode_domain(domain)
            self._early.add(number, EarlyEvent(domain, kind, count, offset, now))
        self.next_offset = offset + 1

    def add_sums(self, sums: Sums, offset: int, now: float) -> None:
        """Add the events of the record at *offset*, unless they were added before."""
        if offset < self.next_offset:
            return
        kind, buckets, known = sums.kind, self._rules.buckets, self._buckets.get
        for domain, count in zip(sums.domains, sums.counts, strict=True):
            number = bucket_of(domain, buckets)
            bucket = known(number)
            if bucket is not None:
                self._count(bucket, domain, kind, count, offset, now)
            else:
                self._early.add(number, EarlyEvent(domain, kind, count, offset, now))
        self.next_offset = offset + 1

    def record_append_time(self, offset: int, appended_at: int) -> None:
        """Record that the records from *offset* on were appended at *appended_at* (ms, 1970)."""
        self._times.record(offset, appended_at)

    def skip_record(self, offset: int) -> None:
        """Count nothing for the record at *offset*."""
        self.next_offset = max(self.next_offset, offset + 1)

    def _count(
        self, bucket: Bucket, domain: bytes, kind: EventKind, count: int, offset: int, now: float
    ) -> None:
        index = bucket.index.get(domain)
        if index is None:
            decode_domain(domain)
            index = bucket.insert(domain)
            self._buckets.domains += 1
        elif offset < bucket.loaded_to and offset < bucket.applied[index]:
            self.replayed += 1
            counted, end = bucket.counted(index), bucket.applied[index]
            self.changes.record_replayed(_name(domain), kind, count, offset, counted, end)
            return
        if kind is _DELIVERED:
            changes = bucket.deliver(index, count, self._rules.threshold)
        else:
            changes = bucket.bounce(index, count)
        if bucket.owed.first_offset is None:
            bucket.owed.first_offset, bucket.owed.since = offset, now
            self._buckets.start(bucket)
        elif not changes:
            return
        if bucket.in_flight is None:
            self._schedule(bucket, urgent=changes)

    # ---- reading buckets

    def pop_unread(self) -> int | None:
        """Take out the next bucket to read; None if none waits."""
        return self._early.pop_unread()

    def requeue_unread(self, number: int) -> None:
        """Put a bucket whose read failed last in line."""
        self._early.requeue_unread(number)

    def load_rows(
        self,
        number: int,
        rows: Sequence[StoredRow],
        end_offset: int,
        now: float,
        wall_now: float,
    ) -> None:
        """Take the totals of a bucket from its *rows*, and count the events that waited for them.

        A domain without a row is new: all that is committed was acknowledged by a quorum, so a
        quorum shows it. Raises LogRewrittenError if *rows* count more records than the topic
        partition, which ends at *end_offset*, has.
        """
        applied = max((row.applied_offset for row in rows), default=0)
        if applied > max(end_offset, self.next_offset):
            raise LogRewrittenError(
                f"{self.topic_partition}: {applied} records are counted, but it ends at "
                f"{end_offset}"
            )
        bucket = self._new_bucket(number)
        bucket.load_rows(rows, self._epoch, self._buckets.pop_writers(number))
        self._buckets.add(bucket)
        if len(rows) > len(bucket.index):
            self.sweeps.plan_for(number, rows, now, wall_now)
        for event in self._early.pop(number):
            self._count(bucket, event.domain, event.kind, event.count, event.offset, event.now)

    def _new_bucket(self, number: int) -> Bucket:
        return Bucket(number)

    # ---- writing buckets

    def start_epoch(self, epoch: int) -> None:
        """Abandon every row of another epoch; call it before each begin and acknowledge."""
        if epoch != self._epoch:
            self._epoch = epoch
            self._buckets.start_epoch()

    def pop_due(self, now: float, *, urgent_only: bool = False) -> int | None:
        """Take out the bucket to write next: ``begin`` or ``defer`` it. None if none is due."""
        return self._queue.pop(now, urgent_only=urgent_only)

    def next_due_at(self, now: float) -> float | None:
        """Return when the next bucket is due: *now* if one is, None if none waits."""
        return self._queue.next_at(now)

    def has_urgent(self, now: float) -> bool:
        """Return whether a bucket with a change of status is due."""
        return self._queue.has_urgent(now)

    def defer(self, number: int, until: float) -> None:
        """Put a bucket that was due back in line, no sooner than *until*."""
        owed = self._buckets[number].owed
        self._queue.defer(number, owed.since, until, urgent=owed.changing)

    def begin(self, number: int, limit: int, now: float) -> BucketWrite:
        """Start the write of a bucket that was due, of up to *limit* rows."""
        return self._buckets[number].begin(
            limit, self.next_offset, now, self._epoch, self._new_writer
        )

    def acknowledge(self, write: BucketWrite, now: float) -> int | None:
        """Record that a quorum has *write*; return when its oldest event was appended (ms, 1970).

        A write of another epoch is owed again, and None is returned: a node that had lost its
        last writes may have applied it to an old copy.
        """
        if write.epoch != self._epoch:
            self.fail(write, now)
            return None
        bucket = self._buckets[write.bucket]
        self._buckets.touch(bucket)
        for place, index in enumerate(write.changing):  # they come first
            before = bucket.counted(index)
            after = Counters(
                before.delivered + write.delivered[place], before.bounced + write.bounced[place]
            )
            self.changes.record_acknowledged(
                _name(write.rows[place].domain),
                before,
                after,
                write.first_offset,
                write.next_offset - 1,
            )
        bucket.acknowledge(write, now)
        self._settle(bucket, now)
        return self._times.at(write.first_offset)

    def fail(self, write: BucketWrite, now: float) -> None:
        """Record that *write* was not acknowledged: it is owed again, in fresh rows."""
        bucket = self._buckets[write.bucket]
        bucket.fail(write)
        self._settle(bucket, now)

    def drain(self) -> None:
        """Make everything that is owed due at once, now and later."""
        self._queue.drain()

    def suspend(self, now: float) -> None:
        """Give up all requests: the partition is revoked, and may come back.

        A write in flight is in doubt, so its rows are abandoned; a read is repeated.
        """
        for write in self._buckets.in_flight():
            self.fail(write, now)
        self._early.requeue_all()
        self._queue.stop_draining()

    def _settle(self, bucket: Bucket, now: float) -> None:
        """Put a bucket back in line if it owes more."""
        if bucket.owed.first_offset is None:
            self._buckets.finish(bucket)
        else:
            self._schedule(bucket, urgent=bucket.owed.changing)
        if bucket.left_rows:
            bucket.left_rows = False
            self.sweeps.plan(bucket.number, now)

    def _schedule(self, bucket: Bucket, *, urgent: bool) -> None:
        self._queue.schedule(bucket.number, bucket.owed.since, bucket.written_at, urgent=urgent)

    # ---- committing and bounds

    def committable_offset(self) -> int:
        """Return the offset below which everything is counted or a letter, and published."""
        early = min((event.offset for event in self._early.oldest()), default=self.next_offset)
        owed = (oldest.first_offset for oldest in self._buckets.unacknowledged())
        change = self.changes.oldest_offset(read_below=early)
        letter = self.dead_letters.oldest_offset()
        return min(at for at in (early, change, letter, *owed) if at is not None)

    @property
    def backlog(self) -> int:
        """The number of events that wait for a read, and of changes to publish."""
        return len(self._early) + len(self.changes)

    @property
    def settled(self) -> bool:
        """Whether everything that was read is counted, and changes and dead letters published."""
        return not (self._buckets.any_busy or self._early or self.changes or self.dead_letters)

    def oldest_since(self) -> float | None:
        """Return when the oldest event was read that is not counted yet."""
        times = [event.now for event in self._early.oldest()]
        times += [oldest.since for oldest in self._buckets.unacknowledged()]
        return min(times, default=None)

    def evict_idle(self, keep: int) -> None:
        """Forget idle buckets, longest unwritten first, until at most *keep* domains are known."""
        self._buckets.evict_idle(keep, self._epoch)


def _name(domain: bytes) -> DomainName:
    return DomainName(domain.decode("ascii"))
