"""A ledger reads records: loading rows, skipping, adding, committing."""

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
    """Return a row of another writer."""
    return CounterRow("t/0", OTHER, delivered, bounced, applied_offset)


def load_no_rows(ledger: PartitionLedger, *domains: DomainName) -> None:
    """Load *domains* as domains without rows in the store."""
    asked = ledger.pop_unread(len(domains))
    assert asked == list(domains)
    for domain in domains:
        ledger.load_rows(domain, [], end_offset=0, now=0.0)


def test_a_new_domain_is_read_once() -> None:
    """Only the first event of a domain requests its rows."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    ledger.add(delivered(A), 1, 1.0)
    ledger.add(delivered(B), 2, 1.0)
    assert ledger.pop_unread(10) == [A, B]
    ledger.add(delivered(A), 3, 1.0)
    assert ledger.pop_unread(10) == []


def test_unread_domains_are_returned_in_portions() -> None:
    """A limit leaves the rest for the next call, in order."""
    ledger = new_ledger()
    for offset, domain in enumerate([A, B, C]):
        ledger.add(delivered(domain), offset, 1.0)
    assert ledger.pop_unread(2) == [A, B]
    assert ledger.pop_unread(2) == [C]


def test_a_failed_read_is_repeated() -> None:
    """A failed read loses no event."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    ledger.requeue_unread(ledger.pop_unread(10))
    ledger.add(delivered(A), 1, 1.0)
    load_no_rows(ledger, A)
    (update,) = ledger.start_updates(9.0, 10)
    assert update.delivered == 2


def test_nothing_is_written_before_the_rows_are_read() -> None:
    """Events wait until the rows of their domain are loaded."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    assert ledger.start_updates(99.0, 10) == []
    assert ledger.next_due_at() is None
    assert (ledger.known_domains, ledger.backlog) == (0, 1)
    assert not ledger.settled


def test_waiting_events_are_counted_once_the_rows_are_read() -> None:
    """All of them are in the first update, on top of the totals."""
    ledger = new_ledger(first_offset=20)
    ledger.add(delivered(A), 20, 1.0)
    ledger.add(bounced(A, 3), 21, 2.0)
    ledger.pop_unread(10)
    ledger.load_rows(A, [row(7, 0, 15)], end_offset=20, now=0.0)
    (update,) = ledger.start_updates(9.0, 10)
    assert (update.delivered, update.bounced, update.applied_offset) == (8, 3, 22)
    assert ledger.replayed == 0
    assert (ledger.known_domains, ledger.backlog) == (1, 0)


def test_events_that_the_rows_already_count_are_skipped() -> None:
    """A replayed event below the applied offset is in the row already."""
    ledger = new_ledger(first_offset=10)
    ledger.add(delivered(A), 10, 1.0)
    ledger.add(delivered(A), 11, 1.0)
    ledger.add(delivered(A), 12, 1.0)
    ledger.pop_unread(10)
    ledger.load_rows(A, [row(7, 0, 12), row(1, 0, 3)], end_offset=13, now=0.0)
    assert ledger.replayed == 2
    (update,) = ledger.start_updates(9.0, 10)
    assert (update.delivered, update.applied_offset) == (8, 13)


def test_a_change_inside_a_replay_is_found_though_the_domain_was_evicted() -> None:
    """Both bounces delay commits, also while the rows are read a second time."""
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


def test_an_audit_during_a_replay_moves_no_commit() -> None:
    """The totals then cover records that were not read again yet."""
    ledger = new_ledger(first_offset=10)
    ledger.add(delivered(A), 10, 1.0)
    ledger.pop_unread(10)
    ledger.load_rows(A, [row(7, 0, 20)], end_offset=20, now=0.0)
    (memory,) = ledger.audit_sample(0.0, 1).values()
    assert not ledger.audit(A, memory, [], 2.0)
    assert ledger.committable_offset() == 11


def test_a_replay_continues_after_the_rows_are_read() -> None:
    """Events below the applied offset are skipped then, too."""
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
    """A rewind of the reader repeats offsets, and changes nothing."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    ledger.add(delivered(A), 1, 1.0)
    load_no_rows(ledger, A)
    ledger.add(delivered(A), 0, 2.0)
    ledger.add(delivered(A), 1, 2.0)
    (update,) = ledger.start_updates(9.0, 10)
    assert update.delivered == 2
    assert ledger.next_offset == 2


def test_a_skipped_record_moves_the_offset_only() -> None:
    """It can be committed without counting, and never moves the offset back."""
    ledger = new_ledger(first_offset=5)
    ledger.skip_record(5)
    assert (ledger.next_offset, ledger.committable_offset()) == (6, 6)
    ledger.skip_record(3)
    assert ledger.next_offset == 6
    assert ledger.settled


def test_more_counted_records_than_the_partition_has_are_an_error() -> None:
    """The topic was created again, so counting must stop."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    ledger.pop_unread(10)
    with pytest.raises(LogRewrittenError, match=r"t/0: 51 records are counted.* ends at 50"):
        ledger.load_rows(A, [row(7, 0, 51)], end_offset=50, now=0.0)


def test_rows_may_reach_the_end_of_the_partition() -> None:
    """Another worker may have counted records that this one has not read yet."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    ledger.pop_unread(10)
    ledger.load_rows(A, [row(7, 0, 50)], end_offset=50, now=0.0)
    assert ledger.settled


def test_a_stale_end_offset_is_not_an_error() -> None:
    """Records that we have read exist, whatever end was reported earlier."""
    ledger = new_ledger()
    for offset in range(6):
        ledger.add(delivered(A), offset, 1.0)
    ledger.pop_unread(10)
    ledger.load_rows(A, [row(6, 0, 6)], end_offset=1, now=0.0)
    assert ledger.settled


def test_no_offset_is_committed_past_an_event_whose_rows_are_unread() -> None:
    """A waiting event limits the commit to its own offset."""
    ledger = new_ledger()
    ledger.skip_record(0)
    ledger.add(delivered(A), 1, 1.0)
    ledger.add(delivered(B), 2, 1.0)
    assert ledger.committable_offset() == 1
    ledger.pop_unread(1)
    assert ledger.committable_offset() == 1


def test_no_offset_is_committed_past_a_pending_or_in_flight_event() -> None:
    """The commit follows the oldest event that no quorum has, in each of its states."""
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


def test_a_ledger_without_records_commits_its_first_offset() -> None:
    """Without records nothing moves."""
    assert new_ledger(first_offset=77).committable_offset() == 77


def test_an_update_in_flight_is_not_settled() -> None:
    """A sent update is not an acknowledged one."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    load_no_rows(ledger, A)
    updates = ledger.start_updates(1.0, 10)
    assert ledger.backlog == 0
    assert not ledger.settled
    ledger.acknowledge(updates, 1.0)
    assert ledger.settled


def test_the_oldest_event_is_found_with_and_without_rows() -> None:
    """Waiting and pending events are both considered."""
    ledger = new_ledger()
    assert ledger.oldest_since() is None
    ledger.add(delivered(A), 0, 1.0)
    ledger.add(delivered(B), 1, 2.0)
    assert ledger.oldest_since() == 1.0
    load_no_rows(ledger, A)
    assert ledger.oldest_since() == 1.0
    ledger.acknowledge(ledger.start_updates(9.0, 1), 9.0)
    assert ledger.oldest_since() == 2.0


def test_evicted_domains_are_read_again() -> None:
    """The next event of an evicted domain requests its rows again."""
    ledger = new_ledger()
    ledger.add(delivered(A), 0, 1.0)
    load_no_rows(ledger, A)
    ledger.acknowledge(ledger.start_updates(1.0, 1), 1.0)
    ledger.evict_idle(0)
    assert ledger.known_domains == 0
    ledger.add(delivered(A), 1, 2.0)
    assert ledger.pop_unread(1) == [A]


def test_domains_with_a_pending_or_in_flight_increment_are_not_evicted() -> None:
    """They stay in memory over any limit."""
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
