"""Wherever workers die, every change of status is published."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.counting.rows.writer_rows import StoredRow
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.status import Status, classify
from tests.fakes.counter_store import InMemoryCounterStore, Outcome
from tests.fakes.writers import writers
from tests.unit.consumer.events import RULES, A, B, add, new_ledger

TOPIC_PARTITION = "t/0"
EVERY = replace(RULES, threshold=3, min_interval_seconds=0.0)

events = st.lists(
    st.builds(Event, st.sampled_from([A, B]), st.sampled_from(EventKind), st.integers(1, 3)),
    min_size=1,
    max_size=12,
)


@dataclass
class Pipeline:
    """A partition, and all that outlives a worker: rows, committed offset, published changes."""

    records: list[Event]
    store: InMemoryCounterStore = field(default_factory=InMemoryCounterStore)
    new_writer = staticmethod(writers())
    committed: int = 0
    published: list[tuple[DomainName, Status]] = field(default_factory=list)

    def work(self, portion: int, *, forgets: bool) -> Iterator[str]:
        """Run a worker to the end, *portion* events at a time; yield the name of each step.

        A worker that *forgets* evicts its domains, and reads their rows again and again.
        """
        ledger = new_ledger(self.committed, EVERY, self.new_writer)
        while ledger.next_offset < len(self.records):
            start = ledger.next_offset
            for offset, event in enumerate(self.records[start : start + portion], start):
                add(ledger, event, offset)
            self.committed = ledger.committable_offset()
            yield "committed"
            while (bucket := ledger.pop_unread()) is not None:
                ledger.load_rows(bucket, self.rows(), len(self.records), 0.0, 0.0)
            yield "read"
            # One after the other, so that a worker may die between two domains of a bucket.
            while (bucket := ledger.pop_due(0.0)) is not None:
                write = ledger.begin(bucket, 1, 0.0)
                self.store.settle(TOPIC_PARTITION, write.rows, Outcome.ACKNOWLEDGED)
                yield "counted"
                ledger.acknowledge(write, 0.0)
            self.committed = ledger.committable_offset()
            yield "committed"
            while changes := ledger.changes.peek(1):
                for change in changes:
                    status = classify(change.counted, EVERY.threshold).status
                    self.published.append((change.domain, status))
                yield "published"
                ledger.changes.remove_published(len(changes))
            if forgets:
                ledger.evict_idle(0)
        self.committed = ledger.committable_offset()
        yield "committed"

    def rows(self) -> list[StoredRow]:
        """Return all rows as the store does."""
        return [*self.store.rows(TOPIC_PARTITION, A), *self.store.rows(TOPIC_PARTITION, B)]

    def true_changes(self) -> list[tuple[DomainName, Status]]:
        """Return the changes that must be published, those of a domain in order."""
        sums = {A: Counters(), B: Counters()}
        changes = []
        for event in self.records:
            before = sums[event.domain]
            bounces = event.count if event.kind is EventKind.BOUNCED else 0
            after = Counters(before.delivered + event.count - bounces, before.bounced + bounces)
            sums[event.domain] = after
            status = classify(after, EVERY.threshold).status
            if status is not classify(before, EVERY.threshold).status:
                changes.append((event.domain, status))
        return changes

    def check(self) -> None:
        """Compare the last published status of each domain with the truth."""
        assert self.committed == len(self.records)
        assert dict(self.published) == dict(self.true_changes())


@settings(max_examples=50)
@given(records=events, portion=st.integers(1, 4), forgets=st.booleans())
def test_wherever_workers_die_the_last_status_published_is_the_true_one(
    records: list[Event],
    portion: int,
    forgets: bool,  # noqa: FBT001 hypothesis gives it by name
) -> None:
    """The first worker dies at any step, its successor at any early step."""
    for step in range(sum(1 for _ in Pipeline(records).work(portion, forgets=forgets)) + 1):
        for heirs_step in range(8):
            pipeline = Pipeline(records)
            list(islice(pipeline.work(portion, forgets=forgets), step))
            list(islice(pipeline.work(1, forgets=forgets), heirs_step))
            list(pipeline.work(portion, forgets=forgets))
            pipeline.check()


@given(records=events, portion=st.integers(1, 4))
def test_without_a_crash_each_change_is_published_once(records: list[Event], portion: int) -> None:
    """Only true changes are published; one that lasted less than a flush may be missing."""
    pipeline = Pipeline(records)
    list(pipeline.work(portion, forgets=False))
    list(pipeline.work(portion, forgets=False))
    pipeline.check()
    true = pipeline.true_changes()
    assert len(set(pipeline.published)) == len(pipeline.published)
    assert set(pipeline.published) <= set(true)
