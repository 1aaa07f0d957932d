"""No status is missing from the topic of changes, wherever workers die."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.counting.flush_policy import FlushPolicy
from consumer.counting.ledger import PartitionLedger
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.status import Status, classify
from tests.fakes.counter_store import InMemoryCounterStore, Outcome
from tests.fakes.writers import writers
from tests.unit.consumer.events import RETENTION, A, B

TOPIC_PARTITION = "events/0"
POLICY = FlushPolicy(threshold=3, max_age_seconds=0.0)

events = st.lists(
    st.builds(Event, st.sampled_from([A, B]), st.sampled_from(EventKind), st.integers(1, 3)),
    min_size=1,
    max_size=12,
)


@dataclass
class Pipeline:
    """A log, and all that outlives a worker: rows, committed offset, published changes."""

    log: list[Event]
    store: InMemoryCounterStore = field(default_factory=InMemoryCounterStore)
    new_writer = staticmethod(writers())
    committed: int = 0
    published: list[tuple[DomainName, Status]] = field(default_factory=list)

    def work(self, portion: int, *, forgets: bool) -> Iterator[str]:
        """Let a worker read *portion* events at a time to the end; say which step was done.

        One that *forgets* reads the rows of every domain again and again.
        """
        ledger = PartitionLedger(
            TOPIC_PARTITION, self.committed, POLICY, self.new_writer, RETENTION
        )
        while ledger.next_offset < len(self.log):
            start = ledger.next_offset
            for offset, event in enumerate(self.log[start : start + portion], start):
                ledger.add(event, offset, 0.0)
            self.committed = ledger.committable_offset()
            yield "committed"
            for domain in ledger.pop_unread(9):
                rows = self.store.rows(TOPIC_PARTITION, domain)
                ledger.load_rows(domain, rows, end_offset=len(self.log), now=0.0)
            yield "read"
            # One after the other, so that a worker may die between two domains of a batch.
            for update in ledger.start_updates(0.0, 9):
                self.store.settle(TOPIC_PARTITION, [update], Outcome.ACKNOWLEDGED)
                yield "counted"
                ledger.acknowledge([update], 0.0)
            self.committed = ledger.committable_offset()
            yield "committed"
            while changes := ledger.changes.peek(1):
                for change in changes:
                    status = classify(change.counted, POLICY.threshold).status
                    self.published.append((change.domain, status))
                yield "published"
                ledger.changes.remove_published(len(changes))
            if forgets:
                ledger.evict_idle(0)
        self.committed = ledger.committable_offset()
        yield "committed"

    def true_changes(self) -> list[tuple[DomainName, Status]]:
        """Return the changes that readers have to hear of, those of a domain in order."""
        sums = {A: Counters(), B: Counters()}
        changes = []
        for event in self.log:
            before = sums[event.domain]
            bounces = event.count if event.kind is EventKind.BOUNCED else 0
            after = Counters(before.delivered + event.count - bounces, before.bounced + bounces)
            sums[event.domain] = after
            status = classify(after, POLICY.threshold).status
            if status is not classify(before, POLICY.threshold).status:
                changes.append((event.domain, status))
        return changes

    def check(self) -> None:
        """Compare what was published last of each domain with the truth."""
        assert self.committed == len(self.log)
        assert dict(self.published) == dict(self.true_changes())


@settings(max_examples=50, deadline=None)
@given(log=events, portion=st.integers(1, 4), forgets=st.booleans())
def test_wherever_workers_die_the_last_status_published_is_the_true_one(
    log: list[Event],
    portion: int,
    forgets: bool,  # noqa: FBT001 hypothesis gives it by name
) -> None:
    """At each step of the first worker, and at each early step of an heir that reads less."""
    for step in range(sum(1 for _ in Pipeline(log).work(portion, forgets=forgets)) + 1):
        for heirs_step in range(8):
            pipeline = Pipeline(log)
            list(islice(pipeline.work(portion, forgets=forgets), step))
            list(islice(pipeline.work(1, forgets=forgets), heirs_step))
            list(pipeline.work(portion, forgets=forgets))
            pipeline.check()


@settings(deadline=None)
@given(log=events, portion=st.integers(1, 4))
def test_what_nobody_interrupts_is_published_once(log: list[Event], portion: int) -> None:
    """Nothing twice, and nothing that was not so; a change that lasted no flush may be left out."""
    pipeline = Pipeline(log)
    list(pipeline.work(portion, forgets=False))
    list(pipeline.work(portion, forgets=False))
    pipeline.check()
    true = pipeline.true_changes()
    assert len(set(pipeline.published)) == len(pipeline.published)
    assert set(pipeline.published) <= set(true)
