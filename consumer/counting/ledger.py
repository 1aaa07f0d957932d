"""Account for one partition's log: what was read, what is owed, what may be committed.

Pure: time, rows and results come in as arguments, so the same code runs against a simulated
store. The path of an event::

    add --> unread domain: kept aside, its rows are asked for (pop_unread), load_rows
        --> known domain:  counted already? skipped. Else owed, and due when the policy says
    start_updates --> updates in flight --> acknowledge: counted  |  fail: owed again, row left
    a change of status is owed to the topic of changes once it is acknowledged (changes)
    superseded rows are deleted after a while; audits compare what is known with the store
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from consumer.counting.aggregate import Aggregate, Increment
from consumer.counting.append_times import AppendTimes
from consumer.counting.changes import ChangeOutbox
from consumer.counting.flush_policy import FlushPolicy
from consumer.counting.flush_queue import FlushQueue
from consumer.counting.superseded import Retention, SupersededRow, SupersededRows
from consumer.counting.writer_rows import PackedState, RowUpdate, WriterRows, is_consistent
from shared.errors import LogRewrittenError
from shared.model.counter import CounterRow
from shared.model.domain import DomainName
from shared.model.event import Event


@dataclass(frozen=True, slots=True)
class _UnloadedEvent:
    """An event whose domain's rows are not read yet."""

    event: Event
    offset: int
    now: float


class PartitionLedger:
    """What one process knows and owes of one log.

    ``next_offset`` is the offset of the next record to read, ``changes`` is what is to be
    published. Nothing here is shared between processes: whoever takes the partition over starts
    with an empty ledger and the rows.
    """

    def __init__(
        self,
        topic_partition: str,
        first_offset: int,
        policy: FlushPolicy,
        new_writer: Callable[[], UUID],
        retention: Retention,
    ) -> None:
        self.topic_partition = topic_partition
        self.next_offset = first_offset
        self.replayed = 0
        self._times = AppendTimes()
        self.changes = ChangeOutbox(topic_partition, policy.threshold, self._times)
        self._rows = WriterRows(new_writer)
        self._pending = Aggregate()
        self._queue = FlushQueue(policy)
        self._superseded = SupersededRows(retention)
        self._unloaded: dict[DomainName, list[_UnloadedEvent]] = {}
        self._unloaded_events = 0
        self._unread: list[DomainName] = []
        # Owed more since it was last asked when they are due; in the order of the log.
        self._unscheduled: dict[DomainName, None] = {}

    # ---- taking in

    def add(self, event: Event, offset: int, now: float) -> None:
        """Take the event at *offset* in, unless a rewind has made us read it twice."""
        if offset < self.next_offset:
            return
        self.next_offset = offset + 1
        domain = event.domain
        owed = self._pending.get(domain)
        if owed is not None and offset >= owed.next_offset:
            owed.add(event, offset)
            self._unscheduled[domain] = None
            return
        if domain in self._rows:
            self._add_loaded(event, offset, now)
            return
        self._unloaded_events += 1
        if domain in self._unloaded:
            self._unloaded[domain].append(_UnloadedEvent(event, offset, now))
        else:
            self._unloaded[domain] = [_UnloadedEvent(event, offset, now)]
            self._unread.append(domain)

    def record_append_time(self, offset: int, appended_at: int) -> None:
        """Note when the records from *offset* on were appended, in milliseconds since 1970."""
        self._times.record(offset, appended_at)

    def skip_record(self, offset: int) -> None:
        """Count nothing for the record at *offset*: it is none, and kept elsewhere."""
        self.next_offset = max(self.next_offset, offset + 1)

    def pop_unread(self, limit: int) -> list[DomainName]:
        """Return up to *limit* domains whose rows are to be read; each is asked for once."""
        taken, self._unread = self._unread[:limit], self._unread[limit:]
        return taken

    def requeue_unread(self, domains: Sequence[DomainName]) -> None:
        """Ask for the rows of *domains* again."""
        self._unread.extend(domains)

    def load_rows(
        self, domain: DomainName, rows: Sequence[CounterRow], end_offset: int, now: float
    ) -> None:
        """Take the counted totals of *domain* and count what was kept aside beyond them.

        Raises LogRewrittenError if more is counted than the log, which ends at *end_offset*, has.
        """
        superseded = self._rows.load_rows(domain, rows)
        applied = self._rows.applied_offset(domain)
        if applied > max(end_offset, self.next_offset):
            raise LogRewrittenError(
                f"{self.topic_partition}: {applied} records are counted, but the log ends at "
                f"{end_offset}"
            )
        self._superseded.add_others(domain, superseded, now)
        kept = self._unloaded.pop(domain)
        self._unloaded_events -= len(kept)
        for early in kept:
            self._add_loaded(early.event, early.offset, early.now)

    def _add_loaded(self, event: Event, offset: int, now: float) -> None:
        applied = self._rows.applied_offset(event.domain)
        if offset < applied:
            self.replayed += 1
            self.changes.record_replayed(event, offset, self._rows.totals(event.domain), applied)
            return
        self._pending.add(event, offset, now)
        self._unscheduled[event.domain] = None

    # ---- flushing

    def _schedule_pending(self) -> None:
        """Ask when they are due, once for all that came of a domain."""
        touched, self._unscheduled = self._unscheduled, {}
        for domain in touched:
            self._schedule(domain)

    def _schedule(self, domain: DomainName) -> None:
        increment = self._pending.get(domain)
        if increment is None or self._rows.is_in_flight(domain):
            return  # what is in flight is scheduled when it is settled
        if not self._queue.is_due(domain, increment.since):
            self._queue.schedule(domain, self._rows.totals(domain), increment)

    def start_epoch(self, epoch: int) -> None:
        """Leave every row of another epoch; say so before updates are taken or acknowledged."""
        self._rows.start_epoch(epoch)

    def next_due_at(self) -> float | None:
        """Return when the next update is due, or None if nothing waits for its time."""
        self._schedule_pending()
        return self._queue.next_due_at()

    def start_updates(self, now: float, limit: int) -> list[RowUpdate]:
        """Start up to *limit* updates that are due, longest due first."""
        self._schedule_pending()
        self._queue.expire_flushes(now)
        updates: list[RowUpdate] = []
        while len(updates) < limit and (domain := self._queue.pop(now)) is not None:
            updates.append(self._rows.start_update(domain, self._pending.pop(domain)))
        return updates

    def make_all_due(self, now: float) -> None:
        """Make everything that is owed due at once, and whatever comes to be owed from now on."""
        self._unscheduled = {}
        self._queue.make_all_due((d for d in self._pending if not self._rows.is_in_flight(d)), now)

    def in_flight_end(self, domain: DomainName) -> int:
        """Return the offset below which all of *domain* is counted once its update is written."""
        return self._rows.in_flight(domain).next_offset

    def acknowledge(self, updates: Iterable[RowUpdate], now: float) -> list[int]:
        """Note that a quorum has *updates*; return when the oldest event of each was appended.

        Those of another epoch are owed again: a node that had lost its last writes may have
        applied them to an old copy.
        """
        appended_at: list[int] = []
        for update in updates:
            if update.epoch != self._rows.epoch:
                self.fail([update])
                continue
            increment = self._rows.in_flight(update.domain)
            self.changes.record_acknowledged(
                update.domain, self._rows.totals(update.domain), increment
            )
            if increment.delivered or increment.bounced:
                appended_at.append(self._times.at(increment.first_offset))
            self._superseded.add_own(update.domain, self._rows.acknowledge(update), now)
            self._queue.record_flush(update.domain, now)
            self._schedule(update.domain)
        return appended_at

    def fail(self, updates: Iterable[RowUpdate]) -> None:
        """Note that *updates* were not acknowledged: owed again, to be said in fresh rows."""
        for update in updates:
            self._pending.restore(update.domain, self._rows.fail(update))
            self._queue.record_failure(update.domain)
            self._schedule(update.domain)

    # ---- keeping the store in order

    def pop_superseded(self, now: float, limit: int) -> list[SupersededRow]:
        """Take up to *limit* rows that are to be deleted now; never a domain's newest."""
        return self._superseded.pop_due(now, limit)

    def retry_superseded(self, rows: Iterable[SupersededRow], now: float) -> None:
        """Note that *rows* could not be deleted."""
        self._superseded.retry_later(rows, now)

    def audit_sample(self, position: float, limit: int) -> dict[DomainName, PackedState]:
        """Return what is known of up to *limit* domains, beginning at *position* of 0 to 1."""
        start = int(position * len(self._rows))
        return dict(islice(self._rows.sample(start), limit))

    def audit(
        self, domain: DomainName, memory: PackedState, rows: Iterable[CounterRow], now: float
    ) -> bool:
        """Compare what was known of *domain* with its *rows*, read since; False: they differ.

        Then the row is left, and a fresh one will say everything.
        """
        if not self._rows.is_current(domain, memory) or is_consistent(memory, rows):
            return True
        self._rows.abandon(domain)
        if domain not in self._pending:
            # Nothing but the totals. It holds no commit back: all of it was acknowledged.
            applied = self._rows.applied_offset(domain)
            nothing = Increment(0, 0, max(self.next_offset, applied), applied, now)
            self._pending.restore(domain, nothing)
        self._queue.record_failure(domain)
        self._schedule(domain)
        return False

    # ---- committing and bounds

    def committable_offset(self) -> int:
        """Return the offset below which everything is counted and every change published.

        Looks at all that is owed.
        """
        early = min((kept[0].offset for kept in self._unloaded.values()), default=self.next_offset)
        candidates = [
            early,
            self._pending.oldest_offset(),
            self._rows.oldest_in_flight(),
            self.changes.oldest_offset(read_below=early),
        ]
        return min(c for c in candidates if c is not None)

    @property
    def known_domains(self) -> int:
        """How many domains are in memory."""
        return len(self._rows)

    @property
    def backlog(self) -> int:
        """How much memory waits: domains to be written, events kept aside, unpublished changes."""
        return len(self._pending) + self._unloaded_events + len(self.changes)

    @property
    def settled(self) -> bool:
        """Whether everything that was read is counted, and every change of status published."""
        counted = not self._pending and not self._unloaded and self._rows.oldest_in_flight() is None
        return counted and not self.changes

    def oldest_since(self) -> float | None:
        """Return when the oldest event came that is owed and not in flight."""
        kept = min((k[0].now for k in self._unloaded.values()), default=None)
        owed = self._pending.oldest_since()
        return min((t for t in (kept, owed) if t is not None), default=None)

    def evict_idle(self, keep: int) -> None:
        """Keep at most *keep* domains in memory, as far as nothing is owed to the others."""
        self._rows.evict_idle(keep, self._pending.__contains__)
