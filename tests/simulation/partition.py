"""The steps of consumer/partition.py without its tasks: the same calls in the same order."""

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from consumer.counting.circuit_breaker import CircuitBreaker
from consumer.counting.dedupe import Dedupe
from consumer.counting.flush_policy import FlushPolicy
from consumer.counting.ledger import PartitionLedger
from consumer.counting.position import Position
from consumer.counting.row_epoch import RowEpoch
from consumer.counting.superseded import Retention, SupersededRow
from consumer.counting.writer_rows import PackedState, RowUpdate
from shared.model.counter import CounterRow
from shared.model.domain import DomainName
from tests.simulation.schedule import FindingError, Schedule
from tests.simulation.store import Store
from tests.simulation.topic import Topic
from tests.simulation.topic_partition import TopicPartition

POLICY = FlushPolicy(threshold=4, max_age_seconds=1.0)
RETENTION = Retention(own_seconds=8.0, others_seconds=90.0)
FULL_BATCH = 3
READS = 2
WRITES = 2
CHANGES = 2
READ_RETRY_SECONDS = 0.5
PUBLISH_RETRY_SECONDS = 0.5
DELETES_AT_A_TIME = 4

Found = dict[DomainName, list[CounterRow]]


class Owner(Protocol):
    """The worker, as its partitions see it."""

    name: str
    schedule: Schedule
    store: Store
    topic: Topic
    epoch: RowEpoch
    new_writer: Callable[[], UUID]
    ledger_class: type[PartitionLedger]

    def after(self, seconds: float, action: Callable[..., None], *arguments: object) -> None:
        """Schedule *action*; it runs when the worker is awake, and not if the worker is dead."""

    def update_sent(self) -> None:
        """Handle the start of an update."""

    def request_ended(self) -> None:
        """Handle the end of a request."""


class Partition:
    """The ledger of one partition, and its requests in flight."""

    def __init__(
        self, owner: Owner, number: int, topic_partition: TopicPartition, position: Position
    ) -> None:
        self.owner = owner
        self.number = number
        self.topic_partition = topic_partition
        self.given_up = False
        self.committed = position.next_offset
        self.to_commit: Position | None = None
        self.fetch_from = position.keys_from
        self.dedupe = Dedupe()
        self.ledger = owner.ledger_class(
            topic_partition.name, position.next_offset, POLICY, owner.new_writer, RETENTION
        )
        self._breaker = CircuitBreaker(FULL_BATCH)
        self._reads = 0
        self._writes = 0
        self._publishing = False
        self._wake_at = -1.0

    # ---- records

    def fetch(self, most: int) -> None:
        """Read up to *most* records."""
        records = self.topic_partition.records[self.fetch_from : self.fetch_from + most]
        if not records:
            return
        ledger, dedupe, now = self.ledger, self.dedupe, self.owner.schedule.now
        dedupe.advance(self.fetch_from, records[0].timestamp_ms)
        for offset, record in enumerate(records, start=self.fetch_from):
            event = record.event
            ledger.record_append_time(offset, record.timestamp_ms)
            if event is None or (
                event.idempotency_key is not None
                and dedupe.is_duplicate(
                    event.domain, event.idempotency_key, offset, record.timestamp_ms
                )
            ):
                ledger.skip_record(offset)
            else:
                ledger.add(event, offset, now)
        self.fetch_from += len(records)
        self.start_requests()

    def position(self) -> Position:
        """Return the position to commit."""
        next_offset = self.ledger.committable_offset()
        return Position(next_offset, self.dedupe.keys_from(next_offset))

    def make_all_due(self) -> None:
        """Write every pending increment as soon as possible."""
        self.ledger.make_all_due(self.owner.schedule.now)
        self.start_requests()

    # ---- requests

    def start_requests(self) -> None:
        """Start the reads and writes that may start, and again when more are due."""
        if self.given_up:
            return
        while self._reads < READS and (domains := self.ledger.pop_unread(FULL_BATCH)):
            self._reads += 1
            delay = self.owner.schedule.between(0.001, 0.05)
            self.owner.schedule.after(delay, self._read, domains)
        self._start_publishing()
        self._start_writes()

    def _start_writes(self) -> None:
        owner, ledger, breaker = self.owner, self.ledger, self._breaker
        now = owner.schedule.now
        wait = breaker.wait_seconds(now)
        free = (1 if breaker.probing else WRITES) - self._writes
        if wait > 0:
            self._wake(now + wait)
        if wait > 0 or free <= 0:
            return
        size = breaker.batch_size
        ledger.start_epoch(owner.epoch.current())
        updates = ledger.start_updates(now, free * size)
        for start in range(0, len(updates), size):
            self._writes += 1
            self._write(updates[start : start + size])
        due_at = ledger.next_due_at()
        if due_at is not None and self._writes < WRITES:
            self._wake(max(due_at, now + 0.001))

    def _wake(self, at: float) -> None:
        now = self.owner.schedule.now
        if not now < self._wake_at <= at:
            self._wake_at = at
            self.owner.after(at - now, self.start_requests)

    def _write(self, batch: list[RowUpdate]) -> None:
        schedule = self.owner.schedule
        if schedule.recording:
            what = ", ".join(self.owner.store.describe(update) for update in batch)
            schedule.record(self.owner.name, f"{self.topic_partition.name} sends {what}")

        def answered(success: bool) -> None:  # noqa: FBT001 an finish_write
            self.owner.after(0.0, self.finish_write, batch, success)

        self.owner.store.send(self.topic_partition.name, batch, answered)
        self.owner.update_sent()

    def finish_write(self, batch: list[RowUpdate], success: bool) -> None:  # noqa: FBT001 an finish_write
        """Handle the outcome of *batch*."""
        if self.given_up:
            return
        self._writes -= 1
        self.record_outcome(batch, "acknowledged" if success else "in doubt")
        if success:
            self.ledger.start_epoch(self.owner.epoch.current())
            self.ledger.acknowledge(batch, self.owner.schedule.now)
            self._breaker.record_success()
        else:
            self.fail(batch)
            self._breaker.record_failure(self.owner.schedule.now)
        self.start_requests()
        self.owner.request_ended()

    def fail(self, batch: list[RowUpdate]) -> None:
        """Make *batch* pending again."""
        self.ledger.fail(batch)

    def _start_publishing(self) -> None:
        changes = self.ledger.changes.peek(CHANGES)
        if not changes or self._publishing:
            return
        self._publishing = True
        if self.owner.schedule.recording:
            self.owner.schedule.record(
                self.owner.name, f"{self.topic_partition.name} publishes {changes}"
            )

        def answered(success: bool) -> None:  # noqa: FBT001 an finish_write
            if success:
                self.owner.after(0.0, self._published, len(changes))
            else:
                self.owner.after(PUBLISH_RETRY_SECONDS, self._published, 0)

        self.owner.topic.publish(changes, answered)

    def _published(self, number: int) -> None:
        if self.given_up:
            return
        self._publishing = False
        self.ledger.changes.remove_published(number)
        self.start_requests()
        self.owner.request_ended()

    def record_outcome(self, batch: list[RowUpdate], how: str) -> None:
        """Add the outcome of *batch* to the history."""
        schedule = self.owner.schedule
        if schedule.recording:
            what = ", ".join(self.owner.store.describe(update) for update in batch)
            schedule.record(self.owner.name, f"{self.topic_partition.name} {how}: {what}")

    def _read(self, domains: list[DomainName]) -> None:
        found = self._found(domains)
        delay = self.owner.schedule.between(0.001, 0.05)
        self.owner.after(delay, self._load_rows, domains, found)

    def _found(self, domains: list[DomainName]) -> Found | None:
        owner = self.owner
        if owner.schedule.chance() < owner.store.trouble * 0.3:
            owner.schedule.inject("read failed")
            return None
        found: Found = {}
        for domain in domains:
            rows = owner.store.read(self.topic_partition.name, domain)
            if rows is None:
                return None
            found[domain] = rows
        return found

    def _load_rows(self, domains: list[DomainName], found: Found | None) -> None:
        if self.given_up:
            return
        if found is None:
            self.owner.after(READ_RETRY_SECONDS, self._read_again, domains)
            return
        now = self.owner.schedule.now
        for domain in domains:
            self.ledger.load_rows(domain, found[domain], len(self.topic_partition.records), now)
        self._reads -= 1
        self.start_requests()
        self.owner.request_ended()

    def _read_again(self, domains: list[DomainName]) -> None:
        if not self.given_up:
            self._reads -= 1
            self.ledger.requeue_unread(domains)
            self.start_requests()

    # ---- upkeep

    def delete_superseded(self) -> None:
        """Delete some superseded rows."""
        rows = self.ledger.pop_superseded(self.owner.schedule.now, DELETES_AT_A_TIME)
        if rows:
            self.owner.schedule.inject("(upkeep) rows deleted")

            def answered(success: bool) -> None:  # noqa: FBT001 an finish_write
                if not success:
                    self.owner.after(0.0, self._retry_deletion, rows)

            self.owner.store.delete(self.topic_partition.name, rows, answered)

    def _retry_deletion(self, rows: list[SupersededRow]) -> None:
        self.ledger.retry_superseded(rows, self.owner.schedule.now)

    def audit(self) -> None:
        """Read some domains again and compare them with the totals in memory."""
        sample = self.ledger.audit_sample(self.owner.schedule.chance(), 2)
        found = self._found(list(sample))
        if sample and found is not None:
            self.owner.schedule.inject("(upkeep) audits")
            self.owner.after(0.01, self._compare, sample, found)

    def _compare(self, sample: dict[DomainName, PackedState], found: Found) -> None:
        for domain, memory in sample.items():
            if not self.ledger.audit(domain, memory, found[domain], self.owner.schedule.now):
                raise FindingError(
                    f"an audit of {self.topic_partition.name} {domain} found {found[domain]}"
                )


def unsettled(partitions: Sequence[Partition]) -> bool:
    """Return whether any of *partitions* has read something that is not counted or published."""
    return not all(partition.ledger.settled for partition in partitions)
