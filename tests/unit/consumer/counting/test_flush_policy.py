"""When a domain is due."""

import pytest

from consumer.counting.aggregate import Increment
from consumer.counting.flush_policy import FlushPolicy
from shared.model.counter import Counters

POLICY = FlushPolicy(threshold=1000, max_age_seconds=60.0)


def pending(delivered: int, bounced: int = 0) -> Increment:
    """Return an increment whose oldest event was read at 100 s."""
    return Increment(delivered, bounced, first_offset=0, next_offset=9, since=100.0)


def test_a_quiet_domain_is_due_at_its_first_event() -> None:
    """Without a recent flush nothing has to be waited for."""
    assert POLICY.due_at(Counters(5, 0), pending(1), last_flush_at=None) == 100.0


def test_a_busy_domain_waits_for_its_turn() -> None:
    """Without a change of status it is written at most once per max age."""
    assert POLICY.due_at(Counters(5, 0), pending(1), last_flush_at=90.0) == 150.0


def test_a_flush_of_long_ago_delays_nothing() -> None:
    """An event is never due before it was read."""
    assert POLICY.due_at(Counters(5, 0), pending(1), last_flush_at=10.0) == 100.0


@pytest.mark.parametrize(
    ("counted", "increment", "due_at"),
    [
        (Counters(999, 0), pending(1), 150.0),  # 1,000 exactly are still unknown
        (Counters(999, 0), pending(2), 100.0),
        (Counters(1000, 0), pending(1), 100.0),
        (Counters(0, 0), pending(1001), 100.0),
        (Counters(1001, 0), pending(1), 150.0),
        (Counters(0, 0), pending(0, 1), 100.0),
        (Counters(5000, 0), pending(0, 1), 100.0),
        (Counters(5000, 0), pending(1, 1), 100.0),
        (Counters(0, 1), pending(2000, 1), 150.0),  # a bounce is final
    ],
)
def test_a_change_of_status_does_not_wait(
    counted: Counters, increment: Increment, due_at: float
) -> None:
    """Exactly the events that change a customer's answer are due at once."""
    assert POLICY.due_at(counted, increment, last_flush_at=90.0) == due_at


def test_a_change_of_status_depends_on_the_configured_threshold() -> None:
    """The default threshold is not used."""
    policy = FlushPolicy(threshold=2, max_age_seconds=60.0)
    assert policy.due_at(Counters(2, 0), pending(1), last_flush_at=90.0) == 100.0
    assert policy.due_at(Counters(1, 0), pending(1), last_flush_at=90.0) == 150.0
