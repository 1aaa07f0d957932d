"""When domains are written, in which order, and what follows a failure."""

import pytest

from consumer.counting.flush_policy import FlushPolicy
from consumer.counting.ledger import PartitionLedger
from shared.model.domain import DomainName
from shared.model.event import Event
from tests.fakes.writers import writers
from tests.unit.consumer.events import RETENTION, A, B, C, bounced, delivered

MAX_AGE = 60.0


def new_ledger(*known: DomainName) -> PartitionLedger:
    """Return a ledger in which *known* domains have no pending events.

    Their first events are at the offsets from 0, acknowledged at 0 s.
    """
    ledger = PartitionLedger("t/0", 0, FlushPolicy(1000, MAX_AGE), writers(), RETENTION)
    for offset, domain in enumerate(known):
        ledger.add(delivered(domain), offset, 0.0)
    for domain in ledger.pop_unread(len(known)):
        ledger.load_rows(domain, [], end_offset=0, now=0.0)
    ledger.acknowledge(ledger.start_updates(0.0, len(known)), 0.0)
    assert ledger.settled
    return ledger


def add(ledger: PartitionLedger, domain: DomainName, now: float, count: int = 1) -> None:
    """Add deliveries as the next record."""
    ledger.add(delivered(domain, count), ledger.next_offset, now)


def due(ledger: PartitionLedger, now: float, limit: int = 10) -> list[str]:
    """Start the due updates and return their domains."""
    return [update.domain for update in ledger.start_updates(now, limit)]


def test_a_quiet_domain_is_due_at_once() -> None:
    """An idle system shows every event without delay."""
    ledger = new_ledger(A)
    add(ledger, A, 500.0)
    assert ledger.next_due_at() == 500.0
    assert due(ledger, 500.0) == ["a.example"]


def test_a_busy_domain_is_written_once_per_max_age() -> None:
    """One event per second costs one write per max age."""
    ledger = new_ledger(A)
    writes = []
    for second in range(1, 600):
        add(ledger, A, float(second))
        updates = ledger.start_updates(float(second), 10)
        ledger.acknowledge(updates, float(second))
        writes.extend([second] * len(updates))
    assert writes == [60, 120, 180, 240, 300, 360, 420, 480, 540]


def test_the_wait_ends_one_max_age_after_the_last_write() -> None:
    """The second event of a busy domain is due then."""
    ledger = new_ledger(A)
    add(ledger, A, 10.0)
    assert ledger.next_due_at() == MAX_AGE
    assert due(ledger, 59.9) == []
    assert due(ledger, 60.0) == ["a.example"]


@pytest.mark.parametrize("change", [bounced(A), delivered(A, 1000)])
def test_a_change_of_status_is_due_at_once(change: Event) -> None:
    """A change that customers see does not wait, even for a busy domain."""
    ledger = new_ledger(A)
    add(ledger, A, 10.0)
    assert due(ledger, 11.0) == []
    ledger.add(change, ledger.next_offset, 11.0)
    (update,) = ledger.start_updates(11.0, 10)
    assert update.delivered + update.bounced == 1 + change.count


def test_a_due_domain_is_started_once() -> None:
    """A domain is written once, however often its due time moved."""
    ledger = new_ledger(A)
    add(ledger, A, 10.0)
    ledger.add(bounced(A), ledger.next_offset, 11.0)
    assert due(ledger, 99.0) == ["a.example"]
    assert due(ledger, 999.0) == []
    assert ledger.next_due_at() is None


def test_updates_start_in_the_order_of_their_due_times() -> None:
    """With a limit the longest due start first."""
    ledger = new_ledger(A, B, C)
    add(ledger, B, 100.0)
    add(ledger, C, 110.0)
    add(ledger, A, 120.0)
    assert due(ledger, 130.0, limit=2) == ["b.example", "c.example"]
    assert ledger.next_due_at() == 120.0
    assert due(ledger, 130.0, limit=2) == ["a.example"]


def test_domains_due_at_the_same_time_start_in_order_of_arrival() -> None:
    """The first to arrive is the first to start."""
    ledger = new_ledger(A, B, C)
    for domain in (C, A, B):
        add(ledger, domain, 100.0)
    assert due(ledger, 100.0) == ["c.example", "a.example", "b.example"]


def test_an_update_that_is_not_due_does_not_start() -> None:
    """Free capacity is no reason to write early."""
    ledger = new_ledger(A, B)
    add(ledger, A, 10.0)
    add(ledger, B, 100.0)
    assert due(ledger, 59.0) == []
    assert due(ledger, 60.0) == ["a.example"]


def test_one_domain_has_one_update_in_flight() -> None:
    """A change of status waits for the acknowledgement, too."""
    ledger = new_ledger(A)
    add(ledger, A, 100.0)
    updates = ledger.start_updates(100.0, 10)
    ledger.add(bounced(A), ledger.next_offset, 101.0)
    assert due(ledger, 999.0) == []
    assert ledger.next_due_at() is None
    ledger.acknowledge(updates, 102.0)
    (second,) = ledger.start_updates(102.0, 10)
    assert (second.delivered, second.bounced, second.applied_offset) == (0, 1, 1)


def test_events_during_an_update_wait_one_max_age() -> None:
    """It starts at the acknowledgement."""
    ledger = new_ledger(A)
    add(ledger, A, 100.0)
    updates = ledger.start_updates(100.0, 10)
    add(ledger, A, 101.0)
    ledger.acknowledge(updates, 105.0)
    assert ledger.next_due_at() == 105.0 + MAX_AGE


def test_a_failed_update_is_pending_again_and_due_at_once() -> None:
    """A new row gets the full totals, with the events added since."""
    ledger = new_ledger(A)
    add(ledger, A, 100.0, count=5)
    failed = ledger.start_updates(100.0, 10)
    add(ledger, A, 101.0, count=2)
    ledger.fail(failed)
    assert ledger.next_due_at() == 100.0
    (again,) = ledger.start_updates(101.0, 10)
    assert again.writer != failed[0].writer
    assert (again.delivered, again.applied_offset) == (8, 3)


def test_a_failed_batch_affects_only_its_own_domains() -> None:
    """Batches end independently, in any order."""
    ledger = new_ledger(A, B, C)
    for domain in (A, B, C):
        add(ledger, domain, 100.0)
    of_a, of_b, of_c = ledger.start_updates(100.0, 10)
    ledger.fail([of_b, of_c])
    ledger.acknowledge([of_a], 100.0)
    assert due(ledger, 100.0) == ["b.example", "c.example"]


def test_a_new_epoch_starts_new_rows_with_the_full_totals() -> None:
    """No count is lost, and the rows of all domains are abandoned."""
    ledger = new_ledger(A)
    add(ledger, A, 100.0)
    (first,) = ledger.start_updates(100.0, 10)
    ledger.acknowledge([first], 100.0)
    ledger.start_epoch(1)
    add(ledger, A, 200.0)
    (update,) = ledger.start_updates(200.0, 10)
    assert update.writer != first.writer
    assert (update.delivered, update.applied_offset) == (3, 3)


def test_in_a_drain_every_pending_increment_is_due_at_once() -> None:
    """Before a revocation nothing waits for its turn."""
    ledger = new_ledger(A, B)
    add(ledger, A, 10.0)
    add(ledger, B, 11.0)
    ledger.make_all_due(12.0)
    assert ledger.next_due_at() == 12.0
    assert due(ledger, 12.0) == ["a.example", "b.example"]
    assert due(ledger, 999.0) == []


def test_in_a_drain_an_update_in_flight_is_not_started_again() -> None:
    """A domain in flight waits for the acknowledgement, also in a drain."""
    ledger = new_ledger(A)
    add(ledger, A, 100.0)
    updates = ledger.start_updates(100.0, 10)
    ledger.make_all_due(101.0)
    assert due(ledger, 101.0) == []
    ledger.acknowledge(updates, 101.0)
    assert ledger.settled


def test_in_a_drain_events_during_an_update_are_due_at_its_acknowledgement() -> None:
    """A drain does not wait for their turn."""
    ledger = new_ledger(A)
    add(ledger, A, 100.0)
    updates = ledger.start_updates(100.0, 10)
    add(ledger, A, 101.0)
    ledger.make_all_due(102.0)
    ledger.acknowledge(updates, 103.0)
    assert due(ledger, 103.0) == ["a.example"]


def test_a_drain_includes_domains_whose_rows_are_unread() -> None:
    """Their events are due as soon as the rows are loaded."""
    ledger = new_ledger(A)
    add(ledger, B, 10.0)
    ledger.make_all_due(11.0)
    (domain,) = ledger.pop_unread(1)
    ledger.load_rows(domain, [], end_offset=0, now=0.0)
    assert due(ledger, 12.0) == ["b.example"]


def test_in_flight_end_is_the_offset_after_the_last_record() -> None:
    """It differs from the update's own increment of the applied offset."""
    ledger = new_ledger(A, B)
    add(ledger, A, 500.0)
    add(ledger, B, 500.0)
    (a, b) = ledger.start_updates(500.0, 10)

    assert (ledger.in_flight_end(A), ledger.in_flight_end(B)) == (3, 4)
    assert (a.applied_offset, b.applied_offset) == (2, 2)
