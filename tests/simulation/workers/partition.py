"""The steps of consumer/partition.py without its tasks: the same calls in the same order."""

from collections.abc import Sequence

from consumer.counting.kept_memory import PartitionMemory
from consumer.counting.pacing.circuit_breaker import CircuitBreaker
from consumer.counting.position import Position
from consumer.counting.rows.writer_rows import BucketWrite
from shared.model.record import Sums
from tests.simulation.cassandra.updates import Update, describe
from tests.simulation.kafka.topic_partition import TopicPartition
from tests.simulation.workers.owner import Owner
from tests.simulation.workers.upkeep import Rows, Upkeep, read_rows

FULL_WRITE = 3
READS = 2
WRITES = 2
CHANGES = 2
READ_RETRY_SECONDS = 0.5
PUBLISH_RETRY_SECONDS = 0.5


class Partition:
    """The ledger of one partition, and its requests in flight."""

    def __init__(
        self,
        owner: Owner,
        number: int,
        topic_partition: TopicPartition,
        memory: PartitionMemory,
        committed: Position,
    ) -> None:
        self.owner = owner
        self.number = number
        self.topic_partition = topic_partition
        self.given_up = False
        self.committed = committed
        self.to_commit: Position | None = None
        self.fetch_from = memory.read_from
        self.dedupe = memory.dedupe
        self.ledger = memory.ledger
        self.upkeep = Upkeep(owner, topic_partition, memory.ledger)
        # The circuit of each write that is a probe, by bucket.
        self._probed: dict[int, CircuitBreaker] = {}
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
        for offset, record in enumerate(records, start=self.fetch_from):
            event = record.content
            ledger.record_append_time(offset, record.timestamp_ms)
            dedupe.advance(offset, record.timestamp_ms)
            if event is None:
                ledger.skip_record(offset)
                continue
            if isinstance(event, Sums):
                ledger.add_sums(event, offset, now)
                self.start_requests()  # hundreds of domains, so these do not wait
                continue
            domain, key = event.domain.encode(), event.idempotency_key
            if key is not None and dedupe.is_duplicate(domain, event.kind, key, offset):
                ledger.skip_record(offset)
            else:
                ledger.add(domain, event.kind, event.count, offset, now)
        self.fetch_from += len(records)
        self.start_requests()

    def position(self) -> Position:
        """Return the position to commit."""
        next_offset = self.ledger.committable_offset()
        return Position(next_offset, self.dedupe.keys_from(next_offset))

    def drain(self) -> None:
        """Write everything that is owed, as soon as possible."""
        self.ledger.drain()
        self.start_requests()

    def suspend(self) -> PartitionMemory:
        """End all work; return what is known."""
        self.given_up = True
        while self._probed:
            self._probed.popitem()[1].end_probe()
        self.ledger.suspend(self.owner.schedule.now)
        return PartitionMemory(self.ledger, self.dedupe, self.fetch_from)

    # ---- requests

    def start_requests(self) -> None:
        """Start the reads and writes that may start, and again when more are due."""
        if self.given_up:
            return
        while self._reads < READS and (bucket := self.ledger.pop_unread()) is not None:
            self._reads += 1
            delay = self.owner.schedule.between(0.001, 0.05)
            self.owner.schedule.after(delay, self._read, bucket)
        self._start_publishing()
        self._start_writes()

    def _start_writes(self) -> None:
        ledger, owner, now = self.ledger, self.owner, self.owner.schedule.now
        while self._writes < WRITES and (bucket := ledger.pop_due(now)) is not None:
            circuit = owner.circuit_of(bucket)
            if circuit.closed:
                self._write(bucket, FULL_WRITE)
            elif circuit.may_probe(now):
                circuit.start_probe()
                self._probed[bucket] = circuit
                self._write(bucket, 1)
            else:
                ledger.defer(bucket, circuit.retry_at(now))
        due_at = ledger.next_due_at(now)
        if due_at is not None and self._writes < WRITES:
            self._wake(max(due_at, now + 0.001))

    def _wake(self, at: float) -> None:
        now = self.owner.schedule.now
        if not now < self._wake_at <= at:
            self._wake_at = at
            self.owner.after(at - now, self.start_requests)

    def _write(self, bucket: int, limit: int) -> None:
        self._writes += 1
        self.ledger.start_epoch(self.owner.epoch.current())
        self.send(self.ledger.begin(bucket, limit, self.owner.schedule.now))

    def send(self, write: BucketWrite) -> None:
        """Send *write* to the store."""
        schedule = self.owner.schedule
        updates = [
            Update(
                row.domain.decode(),
                row.writer,
                row.delivered,
                0 if row.never_bounced else row.bounced,
                row.applied_offset,
            )
            for row in write.rows
        ]
        if schedule.recording:
            schedule.record(
                self.owner.name,
                f"{self.topic_partition.name} sends {', '.join(map(describe, updates))}",
            )

        def answered(success: bool) -> None:  # noqa: FBT001 an answer
            self.owner.after(0.0, self.finish_write, write, success)

        store = self.owner.stores.of_bucket(write.bucket)
        store.send(self.topic_partition.name, updates, answered)
        self.owner.update_sent()

    def finish_write(self, write: BucketWrite, success: bool) -> None:  # noqa: FBT001 an answer
        """Learn whether *write* is acknowledged."""
        if self.given_up:
            return
        self._writes -= 1
        schedule, circuit = self.owner.schedule, self.owner.circuit_of(write.bucket)
        if schedule.recording:
            how = "acknowledged" if success else "in doubt"
            domains = ", ".join(row.domain.decode() for row in write.rows)
            schedule.record(self.owner.name, f"{self.topic_partition.name} {how}: {domains}")
        if success:
            self.ledger.start_epoch(self.owner.epoch.current())
            self.ledger.acknowledge(write, schedule.now)
            circuit.record_success()
        else:
            self.fail(write)
            circuit.record_failure(schedule.now)
        if (probed := self._probed.pop(write.bucket, None)) is not None:
            probed.end_probe()
        self.start_requests()
        self.owner.request_ended()

    def fail(self, write: BucketWrite) -> None:
        """Owe *write* again."""
        self.ledger.fail(write, self.owner.schedule.now)

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

    def _read(self, bucket: int) -> None:
        delay = self.owner.schedule.between(0.001, 0.05)
        rows = read_rows(self.owner, self.topic_partition, bucket)
        self.owner.after(delay, self._learn, bucket, rows)

    def _learn(self, bucket: int, rows: Rows | None) -> None:
        if self.given_up:
            return
        self._reads -= 1
        if rows is None:
            self.owner.after(READ_RETRY_SECONDS, self._read_again, bucket)
            return
        end = len(self.topic_partition.records)
        self.ledger.load_rows(bucket, rows, end, self.owner.schedule.now, self.owner.wall_now())
        self.start_requests()
        self.owner.request_ended()

    def _read_again(self, bucket: int) -> None:
        if not self.given_up:
            self.ledger.requeue_unread(bucket)
            self.start_requests()


def unsettled(partitions: Sequence[Partition]) -> bool:
    """Return whether any of *partitions* has read something that is not counted or published."""
    return not all(partition.ledger.settled for partition in partitions)
