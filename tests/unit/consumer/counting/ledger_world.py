"""Put ledgers through everything that can happen to them, beside the truth.

The log is a list; the truth is its sum. Workers come one after the other, and each that was
replaced goes on as a zombie: it may still read, write and get answers. Time passes between
taking an update, its reaching the store, and its answer. All of it follows from one seed.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from consumer.counting.flush_policy import FlushPolicy
from consumer.counting.ledger import PartitionLedger
from consumer.counting.writer_rows import RowUpdate
from shared.errors import RetriableError
from shared.model.change import Change
from shared.model.counter import CounterRow, Counters, sum_rows
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.status import Status, classify
from tests.fakes.counter_store import InMemoryCounterStore, Outcome
from tests.fakes.writers import writers
from tests.unit.consumer.events import RETENTION

TOPIC_PARTITION = "events/0"
DOMAINS = [DomainName(name) for name in ("a.example", "b.example", "c.example")]
OUTCOMES = [*[Outcome.ACKNOWLEDGED] * 6, *Outcome]
POLICY = FlushPolicy(threshold=4, max_age_seconds=5.0)
STATUSES = [Status.UNKNOWN, Status.CATCH_ALL, Status.NOT_CATCH_ALL]
"""As they follow each other."""


@dataclass(eq=False)
class Worker:
    """A ledger, what it has asked of the store, and its own clock."""

    ledger: PartitionLedger
    now: float = 0.0
    reading: list[tuple[DomainName, list[CounterRow]]] = field(default_factory=list)
    publishing: list[Change] = field(default_factory=list)


@dataclass(eq=False)
class Batch:
    """Updates of one write, and whether it was acknowledged once it has reached the store."""

    worker: Worker
    updates: list[RowUpdate]
    acknowledged: bool | None = None


class World:
    """One log, one store, and whoever believes to own the partition."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.store = InMemoryCounterStore(replica_sets=2)
        self.log: list[Event | None] = []
        self.sums = {domain: [Counters()] for domain in DOMAINS}
        self.committed = [0]
        self.heard = dict.fromkeys(DOMAINS, Status.UNKNOWN)
        self.newest = dict.fromkeys(DOMAINS, 0)
        self.batches: list[Batch] = []
        self.new_writer = writers()
        self.epoch = 0
        self.workers = [self.start(0)]

    @property
    def owner(self) -> Worker:
        """The worker that the group believes to own the partition."""
        return self.workers[-1]

    def start(self, offset: int) -> Worker:
        """Return a worker that knows nothing but where to read on."""
        return Worker(PartitionLedger(TOPIC_PARTITION, offset, POLICY, self.new_writer, RETENTION))

    def step(self) -> None:
        """Let one thing happen, and check what has to hold at any time."""
        actions = {
            self.append: 4,
            self.fetch: 6,
            self.ask: 4,
            self.answer_read: 4,
            self.flush: 6,
            self.reach_store: 6,
            self.answer_write: 6,
            self.surface: 2,
            self.publish: 4,
            self.answer_publish: 4,
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
        """Return the owner more often than not, else a zombie."""
        return self.owner if self.random.random() < 0.7 else self.random.choice(self.workers)

    # ---- the log and its readers

    def append(self) -> None:
        """Let senders report events; None is a record that cannot be decoded."""
        for _ in range(self.random.randint(1, 5)):
            event = Event(
                self.random.choice(DOMAINS),
                EventKind.BOUNCED if self.random.random() < 0.2 else EventKind.DELIVERED,
                self.random.randint(1, 3),
            )
            garbage = self.random.random() < 0.05
            self.log.append(None if garbage else event)
            for domain, sums in self.sums.items():
                counts = event.count if domain == event.domain and not garbage else 0
                bounces = counts if event.kind is EventKind.BOUNCED else 0
                last = sums[-1]
                sums.append(Counters(last.delivered + counts - bounces, last.bounced + bounces))

    def fetch(self) -> None:
        """Read on, maybe from a little before."""
        worker = self.any_worker()
        start = max(worker.ledger.next_offset - self.random.choice([0, 0, 3]), 0)
        self.deliver(worker, start, start + self.random.randint(1, 8))

    def deliver(self, worker: Worker, start: int, end: int) -> None:
        """Bring the records from *start* to before *end*, as far as there are any."""
        for offset, event in enumerate(self.log[start:end], start=start):
            if event is None:
                worker.ledger.skip_record(offset)
            else:
                worker.ledger.add(event, offset, worker.now)

    def ask(self) -> None:
        """Read rows; the answer is under way while the world goes on."""
        worker = self.any_worker()
        for domain in worker.ledger.pop_unread(self.random.randint(1, 3)):
            worker.reading.append((domain, self.store.rows(TOPIC_PARTITION, domain)))

    def answer_read(self) -> None:
        """Answer what was asked, or let it fail."""
        worker = self.any_worker()
        self.load_rows(worker, success=self.random.random() < 0.85)

    def load_rows(self, worker: Worker, *, success: bool) -> None:
        """Bring the answers that are under way."""
        asked, worker.reading = worker.reading, []
        for domain, rows in asked:
            if success:
                worker.ledger.load_rows(domain, rows, end_offset=len(self.log), now=0.0)
            else:
                worker.ledger.requeue_unread([domain])

    # ---- writes: taken, then at the store, then answered

    def flush(self) -> None:
        """Take what is due into batches."""
        worker = self.any_worker()
        worker.now += self.random.choice([0.0, 1.0, POLICY.max_age_seconds])
        updates = worker.ledger.start_updates(worker.now, self.random.randint(1, 4))
        for batch in self.store.split(updates, self.random.randint(1, 3)):
            self.batches.append(Batch(worker, batch))

    def reach_store(self) -> None:
        """Let a batch arrive and fare as it may."""
        if sent := [batch for batch in self.batches if batch.acknowledged is None]:
            self.settle(self.random.choice(sent), self.random.choice(OUTCOMES))

    def settle(self, batch: Batch, outcome: Outcome) -> None:
        """Let *batch* arrive and fare like this."""
        try:
            self.store.settle(TOPIC_PARTITION, batch.updates, outcome)
        except RetriableError:
            batch.acknowledged = False
        else:
            batch.acknowledged = True

    def answer_write(self) -> None:
        """Tell a worker what became of a batch that has arrived."""
        if arrived := [batch for batch in self.batches if batch.acknowledged is not None]:
            self.answer(self.random.choice(arrived))

    def answer(self, batch: Batch) -> None:
        """Tell the worker of *batch* what became of it."""
        self.batches.remove(batch)
        if batch.acknowledged:
            batch.worker.ledger.acknowledge(batch.updates, batch.worker.now)
        else:
            batch.worker.ledger.fail(batch.updates)

    def answer_all(self, workers: Sequence[Worker], outcome: Outcome) -> None:
        """Answer every batch of *workers*; those still on their way fare like this."""
        for batch in [batch for batch in self.batches if batch.worker in workers]:
            if batch.acknowledged is None:
                self.settle(batch, outcome)
            self.answer(batch)

    def surface(self) -> None:
        """Let some late updates be applied after all."""
        late = range(self.store.late_updates)
        self.store.surface(self.random.sample(late, self.random.randint(0, len(late))))

    # ---- changes: taken, then in the topic or not, then answered

    def publish(self) -> None:
        """Send some changes to the topic; the answer is under way while the world goes on."""
        worker = self.any_worker()
        if not worker.publishing:
            worker.publishing = worker.ledger.changes.peek(self.random.randint(1, 2))

    def answer_publish(self) -> None:
        """Let what was sent be stored and answered, only stored, or lost."""
        worker = self.any_worker()
        stored = self.random.random() < 0.7
        self.tell_published(worker, stored=stored, told=stored and self.random.random() < 0.7)

    def tell_published(self, worker: Worker, *, stored: bool, told: bool) -> None:
        """Say what became of the changes that *worker* sent."""
        sent, worker.publishing = worker.publishing, []
        if stored:
            for change in sent:
                self.hear(change)
        if told:
            worker.ledger.changes.remove_published(len(sent))

    def hear(self, change: Change) -> None:
        """Read a change as a query node does: a zombie may say late what was true before."""
        status = classify(change.counted, POLICY.threshold).status
        assert change.counted in self.sums[change.domain], f"never true: {change}"
        self.heard[change.domain] = max(self.heard[change.domain], status, key=STATUSES.index)

    # ---- what a worker does of its own accord

    def start_epoch(self) -> None:
        """Leave every row, as after a node's restart."""
        self.epoch += 1
        self.any_worker().ledger.start_epoch(self.epoch)

    def make_all_due(self) -> None:
        """Make everything due."""
        worker = self.any_worker()
        worker.ledger.make_all_due(worker.now)

    def evict_idle(self) -> None:
        """Make room."""
        self.any_worker().ledger.evict_idle(self.random.randint(0, 2))

    def commit(self) -> None:
        """Commit as the owner; a zombie's commit is refused by the group."""
        offset = self.owner.ledger.committable_offset()
        self.committed.append(offset)
        for domain, sums in self.sums.items():
            true = classify(sums[offset], POLICY.threshold).status
            heard = STATUSES.index(self.heard[domain])
            assert heard >= STATUSES.index(true), f"{domain}: nobody may ever hear of {true}"

    def take_over(self) -> None:
        """Replace the owner, from a committed offset of any age."""
        self.workers.append(self.start(self.random.choice(self.committed)))

    # ---- what has to hold at any time

    def check(self) -> None:
        """Compare every row with the truth, and what is read with what was read before."""
        for domain, row in self.store.all_rows():
            assert row.applied_offset <= len(self.log), f"beyond the log: {domain} {row}"
            truth = self.sums[domain][row.applied_offset]
            assert Counters(row.delivered, row.bounced) == truth, f"no prefix: {domain} {row}"
        end = self.owner.ledger.committable_offset()
        for domain, sums in self.sums.items():
            newest = max(
                (r.applied_offset for r in self.store.rows(TOPIC_PARTITION, domain)), default=0
            )
            assert newest >= self.newest[domain], f"an answer for {domain} went back"
            self.newest[domain] = newest
            assert sums[min(newest, end)] == sums[end], f"{domain} may be lost by a commit"

    def finish(self) -> None:
        """Heal every fault and read to the end: the answer is the truth, and all committable."""
        self.drain(self.owner)
        self.check_end()
        self.store.surface()
        self.answer_all(self.workers, Outcome.ACKNOWLEDGED)
        self.check()
        self.check_end()
        # Whoever comes next finds everything said.
        before = list(self.store.all_rows())
        self.take_over()
        self.drain(self.owner)
        assert list(self.store.all_rows()) == before

    def drain(self, worker: Worker) -> None:
        """Let *worker* write all that is in the log, without faults."""
        self.answer_all([worker], Outcome.LOST)
        self.load_rows(worker, success=True)
        self.deliver(worker, worker.ledger.next_offset, len(self.log))
        for domain in worker.ledger.pop_unread(len(DOMAINS)):
            worker.ledger.load_rows(
                domain, self.store.rows(TOPIC_PARTITION, domain), end_offset=len(self.log), now=0.0
            )
        worker.ledger.make_all_due(worker.now)
        updates = worker.ledger.start_updates(worker.now, len(DOMAINS))
        self.store.settle(TOPIC_PARTITION, updates, Outcome.ACKNOWLEDGED)
        worker.ledger.acknowledge(updates, worker.now)
        self.tell_published(worker, stored=True, told=True)
        worker.publishing = worker.ledger.changes.peek(len(worker.ledger.changes))
        self.tell_published(worker, stored=True, told=True)

    def check_end(self) -> None:
        """Compare the answer with the truth."""
        assert self.owner.ledger.settled
        assert self.owner.ledger.committable_offset() == len(self.log)
        for domain, sums in self.sums.items():
            assert sum_rows(self.store.rows(TOPIC_PARTITION, domain)) == sums[-1], (
                f"{domain} is not exact"
            )
            assert self.heard[domain] is classify(sums[-1], POLICY.threshold).status
