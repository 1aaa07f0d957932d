"""A ledger whose partition is revoked, and comes back."""

from tests.unit.consumer.events import (
    A,
    B,
    add,
    begin,
    delivered,
    load_rows,
    new_ledger,
    row,
    write,
)


def test_a_write_in_flight_is_in_doubt() -> None:
    """Its result is never known: the next write says everything again, in a fresh row."""
    ledger = new_ledger()
    add(ledger, delivered(A), 0)
    load_rows(ledger)
    first = begin(ledger, 1.0)
    add(ledger, delivered(A), 1)

    ledger.suspend(2.0)

    assert ledger.committable_offset() == 0
    again = begin(ledger, 2.0)
    assert [r[2:5] for r in again.rows] == [(2, 0, 2)]
    assert again.rows[0].writer != first.rows[0].writer


def test_a_read_in_flight_is_repeated() -> None:
    """The events that wait for it stay, and nothing else is read again."""
    ledger = new_ledger()
    add(ledger, delivered(A), 0)
    assert ledger.pop_unread() == 0

    ledger.suspend(1.0)

    load_rows(ledger, [row(B, 1, 0, 1)])
    assert write(ledger) == {A: (1, 0, 1)}
    ledger.suspend(2.0)
    add(ledger, delivered(B), 1)
    assert ledger.pop_unread() is None
    assert write(ledger, 10.0) == {B: (2, 0, 2)}


def test_a_drain_ends() -> None:
    """A busy bucket is again written once per interval, not at each event."""
    ledger = new_ledger()
    ledger.drain()
    ledger.suspend(0.0)
    add(ledger, delivered(A), 0)
    load_rows(ledger)
    write(ledger, 10.0)

    add(ledger, delivered(A), 1)

    assert ledger.next_due_at(10.1) == 11.0
