"""How a circuit breaker limits writes after failures."""

import pytest

from consumer.counting.pacing.circuit_breaker import CircuitBreaker


def test_without_failures_it_is_closed() -> None:
    """A new circuit breaker trusts the store."""
    assert CircuitBreaker().closed


def test_a_failure_is_followed_by_a_wait_and_one_probe() -> None:
    """The wait starts at the failure and ends by itself."""
    breaker = CircuitBreaker()
    breaker.record_failure(10.0)
    assert not breaker.closed
    assert not breaker.may_probe(10.1)
    assert breaker.retry_at(10.0) == pytest.approx(10.2)
    assert breaker.may_probe(10.2)
    breaker.start_probe()
    assert not breaker.may_probe(10.3)
    assert breaker.retry_at(10.3) > 10.3


def test_the_wait_doubles_up_to_its_maximum() -> None:
    """Repeated failures wait 0.2, 0.4, 0.8, 1.6 and then 2 seconds."""
    breaker, now, waits = CircuitBreaker(), 10.0, []
    for _ in range(6):
        breaker.record_failure(now)
        waits.append(breaker.retry_at(now) - now)
        now += 5.0
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 2.0, 2.0])


def test_writes_that_fail_together_are_one_failure() -> None:
    """A failure during the wait neither doubles nor extends it."""
    breaker = CircuitBreaker()
    breaker.record_failure(10.0)
    breaker.record_failure(10.1)
    assert breaker.may_probe(10.2)


def test_it_closes_after_three_successes_in_a_row() -> None:
    """Until then one small write goes out at a time."""
    breaker = CircuitBreaker()
    breaker.record_failure(10.0)
    states = []
    for _ in range(3):
        breaker.start_probe()
        breaker.record_success()
        breaker.end_probe()
        states.append((breaker.closed, breaker.may_probe(20.0)))
    assert states == [(False, True), (False, True), (True, True)]
    breaker.record_failure(20.0)
    breaker.record_success()
    breaker.record_failure(30.0)
    breaker.record_success()
    breaker.record_success()
    assert not breaker.closed


def test_a_cancelled_probe_makes_room_for_the_next() -> None:
    """A partition that is revoked must not leave the circuit open for good."""
    breaker = CircuitBreaker()
    breaker.record_failure(10.0)
    breaker.start_probe()
    breaker.end_probe()
    assert breaker.may_probe(20.0)
