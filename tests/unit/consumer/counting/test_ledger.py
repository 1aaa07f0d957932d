"""How a partition's log is taken in: reading rows, skipping, owing, committing."""

import pytest

from consumer.counting.flush_policy import FlushPolicy
from consumer.counting.ledger import PartitionLedger
from shared.errors import LogRewrittenError
from shared.model.counter import CounterRow, Counters
from shared.model.domain import DomainName
from tests.fakes.writers import writers
from tests.unit.consumer.events import RETENTION, A, B, C, bounced, delivered

OTHER = writers(node=99)()


def new_ledger(first_offset: int = 0) -> PartitionLedger:
    """Return a ledger that starts at *first_offset*."""
    return PartitionLedger("t/0", first_offset, FlushPolicy(1000, 60.0), writers(), RETENTION)


def row(delivered: int, bounced: int, applied_offset: int) -> CounterRow:
    """Return another writer's row."""
    return CounterRow("t/0", OTHER, delivered, bounced, applied_offset)


def load_no_rows(ledger: PartitionLedger, *domains: DomainName) -> None:
    """Say that the store has no rows of *domains*."""
    asked = ledger.pop_unread(len(domains))
    assert asked == list(domains)
    for domain in domains:
        ledger.load_rows(domain, [], end_offset=0, now=0.0)


def test_a_new_domain_is_asked_for_once() -> None:
    """The first event asks for the domain's rows, those that follow do not."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    ledger.add(delivered(A), 1, 1.0)
    ledger.add(delivered(B), 2, 1.0)
    assert ledger.pop_unread(10) == [A, B]
    ledger.add(delivered(A), 3, 1.0)
    assert ledger.pop_unread(10) == []


def test_unread_domains_are_asked_for_in_portions() -> None:
    """A limit leaves the rest for the next call, in the order in which they came."""
    ledger = new_ledger()
    for offset, domain in enumerate([A, B, C]):
        ledger.add(delivered(domain), offset, 1.0)
    assert ledger.pop_unread(2) == [A, B]
    assert ledger.pop_unread(2) == [C]


def test_rows_that_could_not_be_read_are_asked_for_again() -> None:
    """A failed read loses nothing: the domains stand in line again."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    ledger.requeue_unread(ledger.pop_unread(10))
    ledger.add(delivered(A), 1, 1.0)
    load_no_rows(ledger, A)
    (update,) = ledger.start_updates(9.0, 10)
    assert update.delivered == 2


def test_nothing_is_written_before_the_rows_are_read() -> None:
    """What came before the rows are known waits, and is owed."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    assert ledger.start_updates(99.0, 10) == []
    assert ledger.next_due_at() is None
    assert (ledger.known_domains, ledger.backlog) == (0, 1)
    assert not ledger.settled


def test_events_kept_aside_are_counted_once_the_rows_are_read() -> None:
    """Every event that waited for the rows is in the first update, on top of their totals."""
    ledger = new_ledger(first_offset=20)
    ledger.add(delivered(A), 20, 1.0)
    ledger.add(bounced(A, 3), 21, 2.0)
    ledger.pop_unread(10)
    ledger.load_rows(A, [row(7, 0, 15)], end_offset=20, now=0.0)
    (update,) = ledger.start_updates(9.0, 10)
    assert (update.delivered, update.bounced, update.applied_offset) == (8, 3, 22)
    assert ledger.replayed == 0
    assert (ledger.known_domains, ledger.backlog) == (1, 0)


def test_what_the_rows_already_say_is_skipped() -> None:
    """A replayed event below the applied offset is counted in the row, so it is passed over."""
    ledger = new_ledger(first_offset=10)
    ledger.add(delivered(A), 10, 1.0)
    ledger.add(delivered(A), 11, 1.0)
    ledger.add(delivered(A), 12, 1.0)
    ledger.pop_unread(10)
    ledger.load_rows(A, [row(7, 0, 12), row(1, 0, 3)], end_offset=13, now=0.0)
    assert ledger.replayed == 2
    (update,) = ledger.start_updates(9.0, 10)
    assert (update.delivered, update.applied_offset) == (8, 13)


def test_a_change_in_what_is_read_again_is_found_though_the_domain_was_forgotten() -> None:
    """Both bounces hold commits back, also while the rows are read a second time."""
    ledger = new_ledger(first_offset=10)
    ledger.add(bounced(A), 10, 1.0)
    ledger.pop_unread(10)
    ledger.load_rows(A, [row(0, 2, 12)], end_offset=12, now=0.0)
    ledger.evict_idle(0)
    ledger.add(bounced(A), 11, 1.0)
    assert ledger.committable_offset() == 10
    ledger.pop_unread(10)
    ledger.load_rows(A, [row(0, 2, 12)], end_offset=12, now=0.0)
    assert [change.counted for change in ledger.changes.peek(10)] == [Counters(0, 2)]
    assert ledger.committable_offset() == 10
    ledger.changes.remove_published(1)
    assert ledger.committable_offset() == 12


def test_what_an_audit_owes_is_never_committed_before_it_is_read() -> None:
    """In the middle of a replay the totals end beyond what was read again."""
    ledger = new_ledger(first_offset=10)
    ledger.add(delivered(A), 10, 1.0)
    ledger.pop_unread(10)
    ledger.load_rows(A, [row(7, 0, 20)], end_offset=20, now=0.0)
    (memory,) = ledger.audit_sample(0.0, 1).values()
    assert not ledger.audit(A, memory, [], 2.0)
    assert ledger.committable_offset() == 11


def test_a_replay_goes_on_after_the_rows_are_read() -> None:
    """Events below the applied offset are skipped also when they come after the rows."""
    ledger = new_ledger(first_offset=10)
    ledger.add(delivered(A), 10, 1.0)
    ledger.pop_unread(10)
    ledger.load_rows(A, [row(7, 0, 12)], end_offset=12, now=0.0)
    ledger.add(delivered(A), 11, 1.0)
    assert ledger.replayed == 2
    assert ledger.settled
    assert ledger.committable_offset() == 12
    ledger.add(delivered(A), 12, 1.0)
    assert ledger.replayed == 2
    assert not ledger.settled


def test_a_record_that_is_read_twice_counts_once() -> None:
    """A rewind of the reader brings offsets again; they say nothing new."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    ledger.add(delivered(A), 1, 1.0)
    load_no_rows(ledger, A)
    ledger.add(delivered(A), 0, 2.0)
    ledger.add(delivered(A), 1, 2.0)
    (update,) = ledger.start_updates(9.0, 10)
    assert update.delivered == 2
    assert ledger.next_offset == 2


def test_a_record_that_is_no_event_moves_the_offset_only() -> None:
    """What was put aside elsewhere needs no counting to be committed, and moves nothing back."""
    ledger = new_ledger(first_offset=5)
    ledger.skip_record(5)
    assert (ledger.next_offset, ledger.committable_offset()) == (6, 6)
    ledger.skip_record(3)
    assert ledger.next_offset == 6
    assert ledger.settled


def test_a_log_that_restarted_its_offsets_is_an_alarm() -> None:
    """More records counted than the log has: its topic was made anew, and counting must stop."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    ledger.pop_unread(10)
    with pytest.raises(LogRewrittenError, match=r"t/0: 51 records are counted.* ends at 50"):
        ledger.load_rows(A, [row(7, 0, 51)], end_offset=50, now=0.0)


def test_rows_may_reach_to_the_end_of_the_log() -> None:
    """Another worker may have counted everything that this one has still to read."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    ledger.pop_unread(10)
    ledger.load_rows(A, [row(7, 0, 50)], end_offset=50, now=0.0)
    assert ledger.settled


def test_a_stale_log_end_is_no_alarm() -> None:
    """What we have read ourselves is in the log, whatever an earlier look at its end said."""
    ledger = new_ledger()
    for offset in range(6):
        ledger.add(delivered(A), offset, 1.0)
    ledger.pop_unread(10)
    ledger.load_rows(A, [row(6, 0, 6)], end_offset=1, now=0.0)
    assert ledger.settled


def test_no_offset_is_committed_past_an_event_whose_rows_are_unread() -> None:
    """An early event holds the commit back at its own offset."""
    ledger = new_ledger()
    ledger.skip_record(0)
    ledger.add(delivered(A), 1, 1.0)
    ledger.add(delivered(B), 2, 1.0)
    assert ledger.committable_offset() == 1
    ledger.pop_unread(1)
    assert ledger.committable_offset() == 1


def test_no_offset_is_committed_past_what_is_owed_or_in_flight() -> None:
    """The commit follows the oldest event that no quorum has, through every state of it."""
    ledger = new_ledger()
    for offset, domain in enumerate([A, B, A, B]):
        ledger.add(delivered(domain), offset, float(offset))
    load_no_rows(ledger, A, B)
    assert ledger.committable_offset() == 0
    (of_a,) = ledger.start_updates(9.0, 1)
    assert ledger.committable_offset() == 0
    ledger.acknowledge([of_a], 9.0)
    assert ledger.committable_offset() == 1
    (of_b,) = ledger.start_updates(9.0, 1)
    ledger.add(delivered(C), 4, 9.0)
    ledger.fail([of_b])
    assert ledger.committable_offset() == 1
    ledger.acknowledge(ledger.start_updates(9.0, 1), 9.0)
    assert ledger.committable_offset() == 4
    load_no_rows(ledger, C)
    ledger.acknowledge(ledger.start_updates(9.0, 1), 9.0)
    assert ledger.committable_offset() == 5
    assert ledger.settled


def test_a_ledger_that_has_read_nothing_commits_where_it_started() -> None:
    """Without records there is nothing to move."""
    assert new_ledger(first_offset=77).committable_offset() == 77


def test_an_update_in_flight_is_not_settled() -> None:
    """Written is not acknowledged."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    load_no_rows(ledger, A)
    updates = ledger.start_updates(1.0, 10)
    assert ledger.backlog == 0
    assert not ledger.settled
    ledger.acknowledge(updates, 1.0)
    assert ledger.settled


def test_the_oldest_event_waits_in_either_place() -> None:
    """The age of what waits is that of the oldest event, its rows read or not."""
    ledger = new_ledger()
    assert ledger.oldest_since() is None
    ledger.add(delivered(A), 0, 1.0)
    ledger.add(delivered(B), 1, 2.0)
    assert ledger.oldest_since() == 1.0
    load_no_rows(ledger, A)
    assert ledger.oldest_since() == 1.0
    ledger.acknowledge(ledger.start_updates(9.0, 1), 9.0)
    assert ledger.oldest_since() == 2.0


def test_idle_domains_are_forgotten_and_read_again() -> None:
    """A forgotten domain's next event asks for its rows once more."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    load_no_rows(ledger, A)
    ledger.acknowledge(ledger.start_updates(1.0, 1), 1.0)
    ledger.evict_idle(0)
    assert ledger.known_domains == 0
    ledger.add(delivered(A), 1, 2.0)
    assert ledger.pop_unread(1) == [A]


def test_domains_with_something_to_write_are_not_forgotten() -> None:
    """Owed and in flight stay in memory, over any bound."""
    ledger = new_ledger()
    for offset, domain in enumerate([A, B, C]):
        ledger.add(delivered(domain), offset, float(offset))
    load_no_rows(ledger, A, B, C)
    ledger.acknowledge(ledger.start_updates(9.0, 1), 9.0)
    (of_b,) = ledger.start_updates(9.0, 1)
    assert of_b.domain == B
    ledger.evict_idle(0)
    assert ledger.known_domains == 2
    ledger.acknowledge([of_b], 9.0)
    assert [u.domain for u in ledger.start_updates(9.0, 9)] == [C]
