"""Run ledgers through every possible interleaving, and compare them with the truth.

Workers replace each other, and each replaced worker goes on as a zombie: it may still read, write
and get answers. Time passes between the start of an update, its arrival at the store, and its
answer. One seed determines everything.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from consumer.counting.ledger import PartitionLedger
from consumer.counting.ledger_rules import LedgerRules
from consumer.counting.rows.writer_rows import BucketWrite, StoredRow
from shared.errors import RetriableError
from shared.model.change import Change
from shared.model.counter import Counters
from shared.model.partitioning import bucket_of
from tests.fakes.counter_store import InMemoryCounterStore, Outcome
from tests.fakes.writers import writers
from tests.unit.consumer.counting.true_log import DOMAINS, THRESHOLD, TrueLog
from tests.unit.consumer.events import RETENTION

TOPIC_PARTITION = "events/0"
OUTCOMES = [*[Outcome.ACKNOWLEDGED] * 6, *Outcome]
RULES = LedgerRules(2, THRESHOLD, 5.0, RETENTION)
"""Two buckets, of which one holds two of the domains."""


@dataclass(eq=False)
class Worker:
    """A ledger, its requests in flight, and its own clock."""

    ledger: PartitionLedger
    now: float = 0.0
    reading: list[tuple[int, list[StoredRow]]] = field(default_factory=list)
    publishing: list[Change] = field(default_factory=list)


@dataclass(eq=False)
class Batch:
    """One write; ``acknowledged`` is set once it has reached the store."""

    worker: Worker
    write: BucketWrite
    acknowledged: bool | None = None


class World:
    """One partition, one store, and every worker that believes it owns the partition."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.store = InMemoryCounterStore(replica_sets=2)
        self.log = TrueLog()
        self.committed = [0]
        self.newest = dict.fromkeys(DOMAINS, 0)
        self.batches: list[Batch] = []
        self.new_writer = writers()
        self.epoch = 0
        self.workers = [self.start(0)]

    @property
    def owner(self) -> Worker:
        """The worker that owns the partition, as the group sees it."""
        return self.workers[-1]

    def start(self, offset: int) -> Worker:
        """Return a worker with an empty ledger that starts at *offset*."""
        return Worker(PartitionLedger(TOPIC_PARTITION, offset, RULES, self.new_writer))

    def step(self) -> None:
        """Do one random action, then check everything that must hold at any time."""
        actions = {
            self.append: 4,
            self.fetch: 6,
            self.start_reads: 4,
            self.finish_reads: 4,
            self.flush: 6,
            self.reach_store: 6,
            self.finish_write: 6,
            self.apply_late: 2,
            self.publish: 4,
            self.finish_publish: 4,
            self.start_epoch: 1,
            self.make_all_due: 1,
            self.evict_idle: 1,
            self.commit: 2,
            self.take_over: 1,
        }
        (action,) = self.random.choices(list(actions), list(actions.values()))
        action()
        self.check()

    def any_worker(self) -> Worker:
        """Return the owner in most cases, else a zombie."""
        return self.owner if self.random.random() < 0.7 else self.random.choice(self.workers)

    # ---- records and reads

    def append(self) -> None:
        """Append random records."""
        self.log.append(self.random)

    def fetch(self) -> None:
        """Read some records, sometimes starting a little before the next one."""
        worker = self.any_worker()
        start = max(worker.ledger.next_offset - self.random.choice([0, 0, 3]), 0)
        self.deliver(worker, start, start + self.random.randint(1, 8))

    def deliver(self, worker: Worker, start: int, end: int) -> None:
        """Pass the records from *start* to before *end* to a worker's ledger."""
        for offset, sums in enumerate(self.log.records[start:end], start=start):
            if sums is None:
                worker.ledger.skip_record(offset)
            elif len(sums.domains) > 1:
                worker.ledger.add_sums(sums, offset, worker.now)
            else:
                worker.ledger.add(sums.domains[0], sums.kind, sums.counts[0], offset, worker.now)

    def start_reads(self) -> None:
        """Read a bucket; the worker gets the result later."""
        worker = self.any_worker()
        bucket = worker.ledger.pop_unread()
        if bucket is not None:
            worker.reading.append((bucket, self.rows_of(bucket)))

    def rows_of(self, bucket: int) -> list[StoredRow]:
        """Return the rows of *bucket* as the store does."""
        domains = [d for d in DOMAINS if bucket_of(d, RULES.buckets) == bucket]
        return [row for d in domains for row in self.store.rows(TOPIC_PARTITION, d)]

    def finish_reads(self) -> None:
        """Finish the reads of a worker, or fail them."""
        worker = self.any_worker()
        self.load_rows(worker, success=self.random.random() < 0.85)

    def load_rows(self, worker: Worker, *, success: bool) -> None:
        """Pass the results of a worker's reads to its ledger, or fail them."""
        asked, worker.reading = worker.reading, []
        for bucket, rows in asked:
            if success:
                worker.ledger.load_rows(bucket, rows, len(self.log.records), 0.0, 0.0)
            else:
                worker.ledger.requeue_unread(bucket)

    # ---- writes: started, then at the store, then reported

    def flush(self) -> None:
        """Start the write of a bucket that is due."""
        worker = self.any_worker()
        worker.now += self.random.choice([0.0, 1.0, RULES.min_interval_seconds])
        bucket = worker.ledger.pop_due(worker.now)
        if bucket is not None:
            write = worker.ledger.begin(bucket, self.random.randint(1, 3), worker.now)
            self.batches.append(Batch(worker, write))

    def reach_store(self) -> None:
        """Let a batch reach the store, with a random outcome."""
        if sent := [batch for batch in self.batches if batch.acknowledged is None]:
            self.settle(self.random.choice(sent), self.random.choice(OUTCOMES))

    def settle(self, batch: Batch, outcome: Outcome) -> None:
        """Let *batch* reach the store with this outcome."""
        try:
            self.store.settle(TOPIC_PARTITION, batch.write.rows, outcome)
        except RetriableError:
            batch.acknowledged = False
        else:
            batch.acknowledged = True

    def finish_write(self) -> None:
        """Report the outcome of a write to its worker."""
        if arrived := [batch for batch in self.batches if batch.acknowledged is not None]:
            self.report(self.random.choice(arrived))

    def report(self, batch: Batch) -> None:
        """Report the outcome of *batch* to its worker."""
        self.batches.remove(batch)
        if batch.acknowledged:
            batch.worker.ledger.acknowledge(batch.write, batch.worker.now)
        else:
            batch.worker.ledger.fail(batch.write, batch.worker.now)

    def report_all(self, workers: Sequence[Worker], outcome: Outcome) -> None:
        """Report every batch of *workers*; those still in flight get *outcome*."""
        for batch in [batch for batch in self.batches if batch.worker in workers]:
            if batch.acknowledged is None:
                self.settle(batch, outcome)
            self.report(batch)

    def apply_late(self) -> None:
        """Apply some late updates after all."""
        late = range(self.store.late_updates)
        self.store.apply_late(self.random.sample(late, self.random.randint(0, len(late))))

    # ---- changes: sent, then in the topic or not, then reported

    def publish(self) -> None:
        """Send some changes to the topic; the worker gets the result later."""
        worker = self.any_worker()
        if not worker.publishing:
            worker.publishing = worker.ledger.changes.peek(self.random.randint(1, 2))

    def finish_publish(self) -> None:
        """Store the sent changes and report it, store them only, or lose them."""
        worker = self.any_worker()
        stored = self.random.random() < 0.7
        self.report_published(worker, stored=stored, reported=stored and self.random.random() < 0.7)

    def report_published(self, worker: Worker, *, stored: bool, reported: bool) -> None:
        """Report the outcome of the changes that *worker* sent."""
        sent, worker.publishing = worker.publishing, []
        if stored:
            for change in sent:
                self.log.read_change(change)
        if reported:
            worker.ledger.changes.remove_published(len(sent))

    # ---- other actions of a worker

    def start_epoch(self) -> None:
        """Start a new epoch, as after the restart of a node."""
        self.epoch += 1
        self.any_worker().ledger.start_epoch(self.epoch)

    def make_all_due(self) -> None:
        """Make every pending increment due."""
        self.any_worker().ledger.drain()

    def evict_idle(self) -> None:
        """Forget idle domains."""
        self.any_worker().ledger.evict_idle(self.random.randint(0, 2))

    def commit(self) -> None:
        """Commit as the owner; the group refuses commits of a zombie."""
        offset = self.owner.ledger.committable_offset()
        self.committed.append(offset)
        self.log.require_published(offset)

    def take_over(self) -> None:
        """Replace the owner by a worker that starts at any offset committed so far."""
        self.workers.append(self.start(self.random.choice(self.committed)))

    # ---- what must hold at any time

    def check(self) -> None:
        """Compare every row with the truth, and each report with the one before."""
        for _, row in self.store.all_rows():
            self.log.require_true(row)
        end = self.owner.ledger.committable_offset()
        for domain, sums in self.log.sums.items():
            newest = max(
                (r.applied_offset for r in self.store.rows(TOPIC_PARTITION, domain)), default=0
            )
            assert newest >= self.newest[domain], f"an answer for {domain} went back"
            self.newest[domain] = newest
            assert sums[min(newest, end)] == sums[end], f"{domain} may be lost by a commit"

    def finish(self) -> None:
        """End all faults and read to the end: the answer is exact, and all can be committed."""
        self.drain(self.owner)
        self.check_end()
        self.store.apply_late()
        self.report_all(self.workers, Outcome.ACKNOWLEDGED)
        self.check()
        self.check_end()
        # The next owner finds nothing more to write.
        before = list(self.store.all_rows())
        self.take_over()
        self.drain(self.owner)
        assert list(self.store.all_rows()) == before

    def drain(self, worker: Worker) -> None:
        """Let *worker* write all records of the partition, without faults."""
        self.report_all([worker], Outcome.LOST)
        self.load_rows(worker, success=True)
        self.deliver(worker, worker.ledger.next_offset, len(self.log.records))
        while (bucket := worker.ledger.pop_unread()) is not None:
            worker.ledger.load_rows(bucket, self.rows_of(bucket), len(self.log.records), 0.0, 0.0)
        worker.ledger.drain()
        while (bucket := worker.ledger.pop_due(worker.now)) is not None:
            write = worker.ledger.begin(bucket, len(DOMAINS), worker.now)
            self.store.settle(TOPIC_PARTITION, write.rows, Outcome.ACKNOWLEDGED)
            worker.ledger.acknowledge(write, worker.now)
        self.report_published(worker, stored=True, reported=True)
        worker.publishing = worker.ledger.changes.peek(len(worker.ledger.changes))
        self.report_published(worker, stored=True, reported=True)

    def check_end(self) -> None:
        """Compare the final report with the truth."""
        assert self.owner.ledger.settled
        assert self.owner.ledger.committable_offset() == len(self.log.records)
        for domain, sums in self.log.sums.items():
            rows = self.store.rows(TOPIC_PARTITION, domain)
            newest = max(rows, key=lambda row: row.applied_offset, default=None)
            counted = Counters(newest.delivered, newest.bounced) if newest else Counters()
            assert counted == sums[-1], f"{domain} is not exact"
            assert self.log.published[domain] is self.log.status(domain)
