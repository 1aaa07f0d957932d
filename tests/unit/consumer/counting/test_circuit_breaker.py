"""How a circuit breaker limits batches after failures."""

import pytest

from consumer.counting.circuit_breaker import CircuitBreaker


def test_without_failures_batches_are_full_and_nothing_waits() -> None:
    """A new circuit breaker trusts the store."""
    breaker = CircuitBreaker(25)
    assert (breaker.batch_size, breaker.probing, breaker.wait_seconds(0.0)) == (25, False, 0.0)


def test_a_failure_is_followed_by_a_wait_and_a_small_probe() -> None:
    """The wait starts at the failure and ends by itself."""
    breaker = CircuitBreaker(25)
    breaker.record_failure(10.0)
    assert (breaker.batch_size, breaker.probing) == (4, True)
    assert breaker.wait_seconds(10.0) == pytest.approx(0.2)
    assert breaker.wait_seconds(10.15) == pytest.approx(0.05)
    assert breaker.wait_seconds(10.2) == 0.0
    assert breaker.wait_seconds(99.0) == 0.0


def test_the_wait_doubles_up_to_its_maximum() -> None:
    """Repeated failures wait 0.2, 0.4, 0.8, 1.6 and then 2 seconds."""
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


def test_a_failure_during_the_wait_requires_a_probe_again() -> None:
    """A success that was in flight does not cancel a later failure."""
    breaker = CircuitBreaker(25)
    breaker.record_failure(10.0)
    breaker.record_success()
    breaker.record_failure(10.1)
    assert breaker.probing


def test_batches_stay_small_until_three_in_a_row_succeed() -> None:
    """One success ends the probing, three restore full batches."""
    breaker = CircuitBreaker(25)
    breaker.record_failure(10.0)
    seen = []
    for _ in range(4):
        breaker.record_success()
        seen.append((breaker.probing, breaker.batch_size))
    assert seen == [(False, 4), (False, 4), (False, 25), (False, 25)]


def test_a_failure_between_successes_resets_their_count() -> None:
    """Only three successes in a row restore full batches."""
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
    """After a success the next failure has the shortest wait again."""
    breaker = CircuitBreaker(25)
    breaker.record_failure(10.0)
    breaker.record_failure(20.0)
    breaker.record_success()
    breaker.record_failure(30.0)
    assert breaker.wait_seconds(30.0) == pytest.approx(0.2)


def test_a_small_batch_is_never_larger_than_a_full_one() -> None:
    """With full batches of two a probe has two domains."""
    breaker = CircuitBreaker(2)
    breaker.record_failure(10.0)
    assert breaker.batch_size == 2
