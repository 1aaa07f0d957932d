"""When a domain is due, and how boldly batches are sent."""

import pytest

from consumer.counting.aggregate import Increment
from consumer.counting.circuit_breaker import CircuitBreaker
from consumer.counting.flush_policy import FlushPolicy
from shared.model.counter import Counters

POLICY = FlushPolicy(threshold=1000, max_age_seconds=60.0)


def owed(delivered: int, bounced: int = 0) -> Increment:
    """Return an increment whose oldest event came at 100 s."""
    return Increment(delivered, bounced, first_offset=0, next_offset=9, since=100.0)


def test_a_quiet_domain_is_due_at_its_first_event() -> None:
    """Without a recent flush there is nothing to wait for."""
    assert POLICY.due_at(Counters(5, 0), owed(1), last_flush_at=None) == 100.0


def test_a_busy_domain_waits_for_its_turn() -> None:
    """A mere count is written at most once per maximal age."""
    assert POLICY.due_at(Counters(5, 0), owed(1), last_flush_at=90.0) == 150.0


def test_a_flush_of_long_ago_delays_nothing() -> None:
    """An event is never due before it came."""
    assert POLICY.due_at(Counters(5, 0), owed(1), last_flush_at=10.0) == 100.0


@pytest.mark.parametrize(
    ("counted", "increment", "due_at"),
    [
        (Counters(999, 0), owed(1), 150.0),  # 1,000 exactly are still unknown
        (Counters(999, 0), owed(2), 100.0),
        (Counters(1000, 0), owed(1), 100.0),
        (Counters(0, 0), owed(1001), 100.0),
        (Counters(1001, 0), owed(1), 150.0),
        (Counters(0, 0), owed(0, 1), 100.0),
        (Counters(5000, 0), owed(0, 1), 100.0),
        (Counters(5000, 0), owed(1, 1), 100.0),
        (Counters(0, 1), owed(2000, 1), 150.0),  # a bounce is final
    ],
)
def test_a_change_of_status_does_not_wait(
    counted: Counters, increment: Increment, due_at: float
) -> None:
    """Exactly the events that change what a customer is told are due at once."""
    assert POLICY.due_at(counted, increment, last_flush_at=90.0) == due_at


def test_the_threshold_is_the_policys_own() -> None:
    """A change of status is judged by the configured threshold."""
    policy = FlushPolicy(threshold=2, max_age_seconds=60.0)
    assert policy.due_at(Counters(2, 0), owed(1), last_flush_at=90.0) == 100.0
    assert policy.due_at(Counters(1, 0), owed(1), last_flush_at=90.0) == 150.0


def test_without_failures_batches_are_full_and_nothing_waits() -> None:
    """A new pace trusts the store."""
    breaker = CircuitBreaker(25)
    assert (breaker.batch_size, breaker.probing, breaker.wait_seconds(0.0)) == (25, False, 0.0)


def test_a_failure_is_followed_by_a_wait_and_a_small_probe() -> None:
    """The wait runs from the failure and ends by itself."""
    breaker = CircuitBreaker(25)
    breaker.record_failure(10.0)
    assert (breaker.batch_size, breaker.probing) == (4, True)
    assert breaker.wait_seconds(10.0) == pytest.approx(0.2)
    assert breaker.wait_seconds(10.15) == pytest.approx(0.05)
    assert breaker.wait_seconds(10.2) == 0.0
    assert breaker.wait_seconds(99.0) == 0.0


def test_the_wait_doubles_up_to_its_maximum() -> None:
    """Failure after failure waits 0.2, 0.4, 0.8, 1.6 and then 2 seconds."""
    breaker, now, waits = CircuitBreaker(25), 10.0, []
    for _ in range(6):
        breaker.record_failure(now)
        waits.append(breaker.wait_seconds(now))
        now += 5.0
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 2.0, 2.0])


def test_batches_that_fail_together_are_one_failure() -> None:
    """A failure during the wait neither doubles nor extends it."""
    breaker = CircuitBreaker(25)
    breaker.record_failure(10.0)
    breaker.record_failure(10.1)
    assert breaker.wait_seconds(10.1) == pytest.approx(0.1)
    breaker.record_failure(10.2)
    assert breaker.wait_seconds(10.2) == pytest.approx(0.4)


def test_a_failure_during_the_wait_asks_for_a_probe_again() -> None:
    """A success that was under way earns no trust that a later failure does not take back."""
    breaker = CircuitBreaker(25)
    breaker.record_failure(10.0)
    breaker.record_success()
    breaker.record_failure(10.1)
    assert breaker.probing


def test_batches_stay_small_until_three_in_a_row_succeed() -> None:
    """One success ends the probing, three bring the full batches back."""
    breaker = CircuitBreaker(25)
    breaker.record_failure(10.0)
    seen = []
    for _ in range(4):
        breaker.record_success()
        seen.append((breaker.probing, breaker.batch_size))
    assert seen == [(False, 4), (False, 4), (False, 25), (False, 25)]


def test_a_failure_between_successes_starts_the_count_anew() -> None:
    """Only an unbroken row of three is trusted, however many came before."""
    breaker = CircuitBreaker(25)
    for _ in range(10):
        breaker.record_success()
    breaker.record_failure(10.0)
    breaker.record_success()
    breaker.record_success()
    breaker.record_failure(20.0)
    breaker.record_success()
    breaker.record_success()
    assert breaker.batch_size == 4


def test_a_success_resets_the_wait() -> None:
    """After a success the next failure waits as shortly as the first."""
    breaker = CircuitBreaker(25)
    breaker.record_failure(10.0)
    breaker.record_failure(20.0)
    breaker.record_success()
    breaker.record_failure(30.0)
    assert breaker.wait_seconds(30.0) == pytest.approx(0.2)


def test_a_small_batch_is_never_larger_than_a_full_one() -> None:
    """Who configures batches of two probes with two."""
    breaker = CircuitBreaker(2)
    breaker.record_failure(10.0)
    assert breaker.batch_size == 2
