"""A ledger reads records, owes what they report, and says what may be committed."""

from dataclasses import replace

import pytest

from shared.errors import LogRewrittenError, UndecodableRecordError
from shared.model.counter import Counters
from shared.model.event import Event, EventKind
from shared.model.partitioning import bucket_of
from tests.unit.consumer.events import (
    RULES,
    A,
    B,
    C,
    add,
    begin,
    bounced,
    delivered,
    load_rows,
    new_ledger,
    row,
    write,
)

# ---- reading


def test_a_bucket_is_read_once_whatever_its_domains() -> None:
    """One read teaches every domain of it."""
    ledger = new_ledger()
    for offset, domain in enumerate([A, B, A]):
        add(ledger, delivered(domain), offset)
    assert ledger.pop_unread() == 0
    assert ledger.pop_unread() is None
    add(ledger, delivered(C), 3)
    assert ledger.pop_unread() is None
    assert ledger.pop_due(99.0) is None
    assert (ledger.known_domains, ledger.backlog, ledger.settled) == (0, 4, False)


def test_events_that_waited_for_the_read_are_counted_beyond_the_rows() -> None:
    """A domain that is not in the bucket is new; what the rows count is skipped."""
    ledger = new_ledger(first_offset=10)
    add(ledger, delivered(A), 10)
    add(ledger, bounced(B), 11)
    add(ledger, delivered(A), 12)
    load_rows(ledger, [row(A, 7, 0, 12), row(C, 1, 0, 3)])
    assert ledger.replayed == 1
    assert (ledger.known_domains, ledger.backlog) == (3, 0)
    assert write(ledger) == {A: (8, 0, 13), B: (0, 1, 13)}


def test_a_read_that_failed_comes_last_in_line() -> None:
    """Other buckets are read meanwhile."""
    rules = replace(RULES, buckets=2)
    assert {bucket_of(A, 2), bucket_of(C, 2)} == {0, 1}
    ledger = new_ledger(rules=rules)
    for offset, domain in enumerate([A, C]):
        add(ledger, delivered(domain), offset)
    first = ledger.pop_unread()
    assert first is not None
    ledger.requeue_unread(first)
    assert [ledger.pop_unread(), ledger.pop_unread()] == [1 - first, first]


def test_a_key_that_is_no_domain_is_refused_and_moves_nothing() -> None:
    """Whether its bucket is known or not; the caller publishes the record as a dead letter."""
    ledger = new_ledger()
    for known in (False, True):
        with pytest.raises(UndecodableRecordError):
            ledger.add(b"No.Domain", EventKind.DELIVERED, 1, ledger.next_offset, 0.0)
        offset = ledger.next_offset
        ledger.skip_record(offset)
        if not known:
            add(ledger, delivered(A), offset + 1)
            load_rows(ledger)
    assert ledger.next_offset == 3
    assert ledger.known_domains == 1


def test_a_record_that_is_read_twice_counts_once() -> None:
    """A fetch may start before the next offset."""
    ledger = new_ledger()
    for offset in (0, 1, 0, 1, 2):
        add(ledger, delivered(A), offset)
    load_rows(ledger)
    assert write(ledger) == {A: (3, 0, 3)}


def test_more_counted_records_than_the_partition_has_are_an_error() -> None:
    """The topic was made again under its old name."""
    ledger = new_ledger()
    add(ledger, delivered(A), 0)
    with pytest.raises(LogRewrittenError, match="t/0: 7 records are counted, but it ends at 5"):
        ledger.load_rows(0, [row(A, 7, 0, 7)], 5, 0.0, 0.0)


# ---- writing


def test_a_quiet_bucket_is_due_at_once_and_a_busy_one_once_per_interval() -> None:
    """Everything that came meanwhile goes along."""
    ledger = new_ledger()
    add(ledger, delivered(A), 0)
    load_rows(ledger)
    assert write(ledger, 10.0) == {A: (1, 0, 1)}
    add(ledger, delivered(A), 1, now=10.1)
    add(ledger, delivered(B), 2, now=10.2)
    assert ledger.pop_due(10.9) is None
    assert ledger.next_due_at(10.9) == 11.0
    assert write(ledger, 11.0) == {A: (1, 0, 2), B: (1, 0, 3)}


def test_a_change_of_status_is_due_at_once_and_published_once_it_is_counted() -> None:
    """It takes what its bucket owes along."""
    ledger = new_ledger()
    add(ledger, delivered(A), 0)
    load_rows(ledger)
    write(ledger, 10.0)
    add(ledger, delivered(B), 1, now=10.1)
    add(ledger, bounced(A), 2, now=10.2)
    assert ledger.has_urgent(10.2)
    started = begin(ledger, 10.2)
    assert not ledger.changes
    ledger.acknowledge(started, 10.2)
    assert [(c.domain, c.counted) for c in ledger.changes.peek(9)] == [(A, Counters(1, 1))]


def test_what_comes_during_a_write_waits_for_its_end() -> None:
    """One write of a bucket is in flight; a change of status follows it at once."""
    ledger = new_ledger()
    add(ledger, delivered(A), 0)
    load_rows(ledger)
    started = begin(ledger)
    add(ledger, bounced(A), 1)
    assert ledger.pop_due(99.0) is None
    ledger.acknowledge(started, 0.0)
    assert write(ledger) == {A: (0, 1, 1)}


def test_a_failed_write_is_due_again_at_once_and_a_deferred_one_later() -> None:
    """Its replicas may need time."""
    ledger = new_ledger()
    add(ledger, delivered(A), 0)
    load_rows(ledger)
    ledger.fail(begin(ledger), 0.0)
    bucket = ledger.pop_due(0.0)
    assert bucket is not None
    ledger.defer(bucket, until=5.0)
    assert ledger.pop_due(4.9) is None
    assert write(ledger, 5.0) == {A: (1, 0, 1)}


def test_a_write_of_another_epoch_is_owed_again() -> None:
    """A node that had lost its last writes may have applied it to an old copy."""
    ledger = new_ledger()
    add(ledger, delivered(A), 0)
    load_rows(ledger)
    started = begin(ledger)
    ledger.start_epoch(1)
    assert ledger.acknowledge(started, 0.0) is None
    again = begin(ledger)
    assert (again.epoch, again.rows[0].delivered) == (1, 1)
    assert again.rows[0].writer != started.rows[0].writer


def test_an_acknowledgement_returns_when_the_oldest_event_was_appended() -> None:
    """In milliseconds since 1970."""
    ledger = new_ledger()
    ledger.record_append_time(0, 1_000)
    ledger.record_append_time(1, 2_000)
    add(ledger, delivered(A), 0)
    add(ledger, delivered(B), 1)
    load_rows(ledger)
    assert ledger.acknowledge(begin(ledger), 0.0) == 1_000


def test_while_draining_nothing_waits_for_its_interval() -> None:
    """Neither what is owed now nor what comes later."""
    ledger = new_ledger()
    add(ledger, delivered(A), 0)
    load_rows(ledger)
    write(ledger)
    add(ledger, delivered(A), 1)
    ledger.drain()
    write(ledger)
    add(ledger, delivered(A), 2)
    write(ledger)
    assert ledger.settled


# ---- committing


def test_no_offset_is_committed_past_an_event_that_is_not_counted() -> None:
    """Unread, owed, in flight or failed."""
    ledger = new_ledger(first_offset=5)
    assert ledger.committable_offset() == 5
    ledger.skip_record(5)
    add(ledger, delivered(A), 6)
    ledger.skip_record(7)
    assert ledger.committable_offset() == 6
    load_rows(ledger)
    assert ledger.committable_offset() == 6
    started = begin(ledger)
    add(ledger, delivered(A), 8)
    assert ledger.committable_offset() == 6
    ledger.fail(started, 0.0)
    assert ledger.committable_offset() == 6
    started = begin(ledger)
    add(ledger, delivered(B), 9)
    ledger.acknowledge(started, 0.0)
    assert (ledger.committable_offset(), ledger.settled) == (9, False)
    write(ledger, 99.0)
    assert (ledger.committable_offset(), ledger.settled) == (10, True)


def test_a_change_inside_a_replay_is_found_though_the_bucket_was_evicted() -> None:
    """Both bounces delay commits, also while the rows are read a second time."""
    ledger = new_ledger(first_offset=10)
    add(ledger, bounced(A), 10)
    stored_rows = [row(A, 0, 2, 12)]
    ledger.load_rows(0, stored_rows, 12, 0.0, 0.0)
    ledger.pop_unread()
    ledger.evict_idle(0)
    add(ledger, bounced(A), 11)
    assert ledger.committable_offset() == 10
    load_rows(ledger, stored_rows)
    assert [change.counted for change in ledger.changes.peek(10)] == [Counters(0, 2)]
    assert ledger.committable_offset() == 10
    ledger.changes.remove_published(1)
    assert ledger.committable_offset() == 12


def test_the_age_is_that_of_the_oldest_event_that_is_not_counted() -> None:
    """Whether it waits for a read, for its turn or for an answer."""
    ledger = new_ledger()
    assert ledger.oldest_since() is None
    add(ledger, delivered(A), 0, now=3.0)
    add(ledger, delivered(A), 1, now=4.0)
    assert ledger.oldest_since() == 3.0
    load_rows(ledger)
    assert ledger.oldest_since() == 3.0
    started = begin(ledger)
    add(ledger, delivered(A), 2, now=7.0)
    assert ledger.oldest_since() == 3.0
    ledger.acknowledge(started, 8.0)
    assert ledger.oldest_since() == 7.0


def test_every_event_kind_is_counted_in_its_own_column() -> None:
    """With its count."""
    ledger = new_ledger()
    add(ledger, Event(A, EventKind.BOUNCED, 3), 0)
    add(ledger, Event(A, EventKind.DELIVERED, 5), 1)
    load_rows(ledger)
    assert write(ledger) == {A: (5, 3, 2)}
