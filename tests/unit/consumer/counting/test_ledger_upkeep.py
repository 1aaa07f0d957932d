"""Which rows a ledger deletes, and what it does when the store differs from its memory."""

import pytest

from consumer.counting.flush_policy import FlushPolicy
from consumer.counting.ledger import PartitionLedger
from consumer.counting.superseded import SupersededRow
from consumer.counting.writer_rows import PackedState
from shared.model.counter import CounterRow
from shared.model.domain import DomainName
from tests.fakes.writers import writers
from tests.unit.consumer.events import RETENTION, A, B, delivered

_new_writer = writers()
W1, W2, W3 = _new_writer(), _new_writer(), _new_writer()
THEIRS = [_new_writer() for _ in range(9)][6:]


def row(delivered_: int, applied_offset: int, place: int = 0) -> CounterRow:
    """Return a row of another writer."""
    return CounterRow("t/0", THEIRS[place], delivered_, 0, applied_offset)


@pytest.fixture
def ledger() -> PartitionLedger:
    """A ledger that has written one delivery to A, at offset 0, into row W1."""
    ledger = PartitionLedger("t/0", 0, FlushPolicy(1000, 1.0), writers(), RETENTION)
    ledger.add(delivered(A), 0, 0.0)
    ledger.load_rows(ledger.pop_unread(1)[0], [], end_offset=1, now=0.0)
    ledger.acknowledge(ledger.start_updates(0.0, 1), 0.0)
    return ledger


def flush(ledger: PartitionLedger, offset: int, now: float, *, succeeds: bool = True) -> None:
    """Add one more delivery to A and write it."""
    ledger.add(delivered(A), offset, now)
    updates = ledger.start_updates(now, 1)
    assert len(updates) == 1
    if succeeds:
        ledger.acknowledge(updates, now)
    else:
        ledger.fail(updates)


def test_a_failed_row_is_kept_until_a_later_one_is_acknowledged(ledger: PartitionLedger) -> None:
    """Until then it may be the newest row."""
    flush(ledger, 1, 10.0, succeeds=False)
    assert ledger.pop_superseded(1e6, 10) == []
    ledger.acknowledge(ledger.start_updates(1e6, 1), 1e6)
    assert ledger.pop_superseded(1e6 + 59.9, 10) == []
    assert ledger.pop_superseded(1e6 + 60.0, 10) == [SupersededRow(A, W1)]


def test_rows_of_an_older_epoch_are_deleted_once_superseded(ledger: PartitionLedger) -> None:
    """The old row is deleted, and its successor stays."""
    ledger.start_epoch(1)
    flush(ledger, 1, 10.0)
    assert ledger.pop_superseded(70.0, 10) == [SupersededRow(A, W1)]
    assert ledger.pop_superseded(1e9, 10) == []


def test_an_update_of_another_epoch_is_pending_again(ledger: PartitionLedger) -> None:
    """It may have been applied to an old copy, so a new row gets the full totals."""
    ledger.add(delivered(A), 1, 10.0)
    updates = ledger.start_updates(10.0, 1)
    ledger.start_epoch(1)
    ledger.acknowledge(updates, 10.0)
    assert not ledger.settled
    (again,) = ledger.start_updates(10.0, 1)
    assert (again.writer, again.delivered, again.applied_offset) == (W2, 2, 2)


def test_older_rows_found_by_a_read_are_deleted_hours_later() -> None:
    """All but the newest are deleted, whoever wrote them."""
    ledger = PartitionLedger("t/0", 9, FlushPolicy(1000, 1.0), writers(), RETENTION)
    ledger.add(delivered(A), 9, 0.0)
    ledger.pop_unread(1)
    ledger.load_rows(A, [row(3, 3, 0), row(7, 8, 1), row(5, 5, 2)], end_offset=10, now=0.0)
    assert ledger.pop_superseded(3599.9, 10) == []
    assert ledger.pop_superseded(3600.0, 10) == [
        SupersededRow(A, THEIRS[0]),
        SupersededRow(A, THEIRS[2]),
    ]


def test_rows_that_could_not_be_deleted_are_due_again(ledger: PartitionLedger) -> None:
    """A failed deletion is repeated later."""
    ledger.start_epoch(1)
    flush(ledger, 1, 10.0)
    ledger.retry_superseded(ledger.pop_superseded(70.0, 10), 70.0)
    assert ledger.pop_superseded(130.0, 10) == [SupersededRow(A, W1)]


def sample(ledger: PartitionLedger, domain: DomainName = A) -> PackedState:
    """Return the state of *domain* in the ledger."""
    return ledger.audit_sample(0.0, 10)[domain]


def test_an_audit_without_a_mismatch_changes_nothing(ledger: PartitionLedger) -> None:
    """The same row is continued."""
    assert ledger.audit(A, sample(ledger), [row(1, 1)], 5.0)
    assert ledger.settled
    ledger.add(delivered(A), 1, 10.0)
    assert ledger.start_updates(10.0, 1)[0].writer == W1


def test_a_mismatch_is_repaired_at_once(ledger: PartitionLedger) -> None:
    """A new row gets the full totals, without any further event."""
    assert not ledger.audit(A, sample(ledger), [row(0, 0)], 5.0)
    assert ledger.committable_offset() == 1
    (update,) = ledger.start_updates(5.0, 1)
    assert (update.writer, update.delivered, update.bounced, update.applied_offset) == (W2, 1, 0, 1)
    ledger.acknowledge([update], 5.0)
    assert ledger.settled
    assert ledger.pop_superseded(65.0, 10) == [SupersededRow(A, W1)]


def test_a_mismatch_of_a_pending_domain_is_repaired_by_its_next_flush(
    ledger: PartitionLedger,
) -> None:
    """The pending increment keeps its offset, so no commit passes it."""
    flush(ledger, 1, 10.0)
    memory = sample(ledger)
    ledger.add(delivered(A), 2, 10.1)
    ledger.add(delivered(B), 3, 10.1)
    assert not ledger.audit(A, memory, [row(1, 1)], 10.2)
    assert ledger.committable_offset() == 2
    (update,) = ledger.start_updates(10.2, 1)
    assert (update.writer, update.delivered, update.applied_offset) == (W2, 3, 3)


def test_a_domain_that_changed_during_the_audit_is_not_compared(ledger: PartitionLedger) -> None:
    """The rows may be older than its state."""
    memory = sample(ledger)
    flush(ledger, 1, 10.0)
    assert ledger.audit(A, memory, [row(1, 1)], 10.0)
    assert ledger.settled


@pytest.mark.parametrize(("position", "expected"), [(0.0, [A, B]), (0.5, [B]), (0.99, [B])])
def test_an_audit_starts_at_the_given_position(
    ledger: PartitionLedger, position: float, expected: list[DomainName]
) -> None:
    """The position is a fraction from 0 to 1 of the domains in memory."""
    ledger.add(delivered(B), 1, 0.0)
    ledger.load_rows(ledger.pop_unread(1)[0], [], end_offset=2, now=0.0)
    assert list(ledger.audit_sample(position, 10)) == expected
    assert len(ledger.audit_sample(0.0, 1)) == 1
