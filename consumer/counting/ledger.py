"""Account for one partition: what was read, what is pending, what may be committed.

Pure: time, rows and results are arguments, so the same code runs against a simulated store.
The path of an event::

    add --> domain without rows: the event waits, the domain is returned by pop_unread, load_rows
        --> known domain: already counted? skip it. Else it is pending, due by the flush policy
    start_updates --> in flight --> acknowledge: counted  |  fail: pending again, row abandoned
    a change of status is kept in ``changes`` until it is published
    superseded rows are deleted after a while; audits compare known totals with the store
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
    """An event whose domain's rows are not loaded yet."""

    event: Event
    offset: int
    now: float


class PartitionLedger:
    """The account of one partition in one process.

    ``next_offset`` is the offset of the next record to read, ``changes`` are the changes to
    publish, ``replayed`` is the number of events that were already counted when they were read.
    Processes share no ledger: the next owner of a partition starts with an empty one, and the
    rows in the store.
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
        # Domains with new events and no new due time yet, in the order of their records.
        self._unscheduled: dict[DomainName, None] = {}

    # ---- reading

    def add(self, event: Event, offset: int, now: float) -> None:
        """Add the event at *offset*, unless a rewind has made us read it twice."""
        if offset < self.next_offset:
            return
        self.next_offset = offset + 1
        domain = event.domain
        increment = self._pending.get(domain)
        if increment is not None and offset >= increment.next_offset:
            increment.add(event, offset)
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
        """Record when the records from *offset* on were appended, in milliseconds since 1970."""
        self._times.record(offset, appended_at)

    def skip_record(self, offset: int) -> None:
        """Pass the record at *offset* without counting it: a dead letter or a duplicate."""
        self.next_offset = max(self.next_offset, offset + 1)

    def pop_unread(self, limit: int) -> list[DomainName]:
        """Remove and return up to *limit* domains whose rows have to be read."""
        domains, self._unread = self._unread[:limit], self._unread[limit:]
        return domains

    def requeue_unread(self, domains: Sequence[DomainName]) -> None:
        """Put *domains* back whose rows could not be read."""
        self._unread.extend(domains)

    def load_rows(
        self, domain: DomainName, rows: Sequence[CounterRow], end_offset: int, now: float
    ) -> None:
        """Load the totals of *domain* from its *rows*, and add the events that waited for them.

        Raises LogRewrittenError if the rows count more records than the partition has: it ends
        at *end_offset*.
        """
        superseded = self._rows.load_rows(domain, rows)
        applied = self._rows.applied_offset(domain)
        if applied > max(end_offset, self.next_offset):
            raise LogRewrittenError(
                f"{self.topic_partition}: {applied} records are counted, but the partition ends at "
                f"{end_offset}"
            )
        self._superseded.add_others(domain, superseded, now)
        waiting = self._unloaded.pop(domain)
        self._unloaded_events -= len(waiting)
        for each in waiting:
            self._add_loaded(each.event, each.offset, each.now)

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
        """Compute due times, once per domain for all its new events."""
        domains, self._unscheduled = self._unscheduled, {}
        for domain in domains:
            self._schedule(domain)

    def _schedule(self, domain: DomainName) -> None:
        increment = self._pending.get(domain)
        if increment is None or self._rows.is_in_flight(domain):
            return  # a domain in flight is scheduled when its update has ended
        if not self._queue.is_due(domain, increment.since):
            self._queue.schedule(domain, self._rows.totals(domain), increment)

    def start_epoch(self, epoch: int) -> None:
        """Abandon every row of another epoch. Call it before updates start or are acknowledged."""
        self._rows.start_epoch(epoch)

    def next_due_at(self) -> float | None:
        """Return when the next update is due, or None if there is none."""
        self._schedule_pending()
        return self._queue.next_due_at()

    def start_updates(self, now: float, limit: int) -> list[RowUpdate]:
        """Start and return up to *limit* updates that are due, longest due first."""
        self._schedule_pending()
        self._queue.expire_flushes(now)
        updates: list[RowUpdate] = []
        while len(updates) < limit and (domain := self._queue.pop(now)) is not None:
            updates.append(self._rows.start_update(domain, self._pending.pop(domain)))
        return updates

    def make_all_due(self, now: float) -> None:
        """Make every pending increment due now, and every later one at once."""
        self._unscheduled = {}
        self._queue.make_all_due((d for d in self._pending if not self._rows.is_in_flight(d)), now)

    def in_flight_end(self, domain: DomainName) -> int:
        """Return the offset below which *domain* is counted once its update is acknowledged."""
        return self._rows.in_flight(domain).next_offset

    def acknowledge(self, updates: Iterable[RowUpdate], now: float) -> list[int]:
        """Record that a quorum has *updates*. Return the append time of each one's oldest event.

        Updates of another epoch are pending again: a node that had lost its last writes may have
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
        """Record that *updates* were not acknowledged: pending again, their rows abandoned."""
        for update in updates:
            self._pending.restore(update.domain, self._rows.fail(update))
            self._queue.record_failure(update.domain)
            self._schedule(update.domain)

    # ---- upkeep

    def pop_superseded(self, now: float, limit: int) -> list[SupersededRow]:
        """Remove and return up to *limit* rows to delete now; never the newest of a domain."""
        return self._superseded.pop_due(now, limit)

    def retry_superseded(self, rows: Iterable[SupersededRow], now: float) -> None:
        """Put *rows* back that could not be deleted."""
        self._superseded.retry_later(rows, now)

    def audit_sample(self, position: float, limit: int) -> dict[DomainName, PackedState]:
        """Return the states of up to *limit* domains, starting at *position* of 0 to 1."""
        start = int(position * len(self._rows))
        return dict(islice(self._rows.sample(start), limit))

    def audit(
        self, domain: DomainName, state: PackedState, rows: Iterable[CounterRow], now: float
    ) -> bool:
        """Compare the *state* of *domain* with its *rows*, read later. Return False on a mismatch.

        On a mismatch the row is abandoned, and the next flush starts a new row with the full
        totals.
        """
        if not self._rows.is_current(domain, state) or is_consistent(state, rows):
            return True
        self._rows.abandon(domain)
        if domain not in self._pending:
            # An increment of nothing, to write the totals. It delays no commit: all of them were
            # acknowledged.
            applied = self._rows.applied_offset(domain)
            nothing = Increment(0, 0, max(self.next_offset, applied), applied, now)
            self._pending.restore(domain, nothing)
        self._queue.record_failure(domain)
        self._schedule(domain)
        return False

    # ---- committing and bounds

    def committable_offset(self) -> int:
        """Return the offset below which everything is counted and every change published.

        Visits every pending increment.
        """
        waiting = (events[0].offset for events in self._unloaded.values())
        read_below = min(waiting, default=self.next_offset)
        candidates = [
            read_below,
            self._pending.oldest_offset(),
            self._rows.oldest_in_flight(),
            self.changes.oldest_offset(read_below),
        ]
        return min(c for c in candidates if c is not None)

    @property
    def known_domains(self) -> int:
        """The number of domains in memory."""
        return len(self._rows)

    @property
    def backlog(self) -> int:
        """The number of pending domains, events that wait for rows, and unpublished changes."""
        return len(self._pending) + self._unloaded_events + len(self.changes)

    @property
    def settled(self) -> bool:
        """Whether every event read is counted, and every change of status published."""
        counted = not self._pending and not self._unloaded and self._rows.oldest_in_flight() is None
        return counted and not self.changes

    def oldest_since(self) -> float | None:
        """Return when the oldest event was read that is neither counted nor in flight."""
        waiting = min((events[0].now for events in self._unloaded.values()), default=None)
        pending = self._pending.oldest_since()
        return min((t for t in (waiting, pending) if t is not None), default=None)

    def evict_idle(self, max_domains: int) -> None:
        """Forget idle domains until *max_domains* are left; never one with a pending increment."""
        self._rows.evict_idle(max_domains, self._pending.__contains__)
