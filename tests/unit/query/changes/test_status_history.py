"""What is news, and what was said before."""

from query.changes.status_history import StatusHistory
from shared.model.domain import DomainName
from shared.model.status import Status

A, B, C = (DomainName(f"{name}.example") for name in "abc")
ALL, NOT = Status.CATCH_ALL, Status.NOT_CATCH_ALL


def test_a_status_is_a_repeat_after_the_record_that_said_it_first() -> None:
    """Not in that record itself, nor in one before it, whenever these are read."""
    history = StatusHistory(10)
    history.record(A, ALL, 0, 20)
    assert history.is_duplicate(A, ALL, 0, 21)
    assert not history.is_duplicate(A, ALL, 0, 20)
    assert not history.is_duplicate(A, ALL, 0, 10)
    history.record(A, ALL, 0, 10)
    history.record(A, ALL, 0, 30)
    assert history.is_duplicate(A, ALL, 0, 20)


def test_nothing_comes_after_a_bounce() -> None:
    """Catch-all is old news then; the bounce itself is news after catch-all."""
    history = StatusHistory(10)
    history.record(A, ALL, 0, 1)
    assert not history.is_duplicate(A, NOT, 0, 2)
    history.record(A, NOT, 0, 2)
    assert history.is_duplicate(A, ALL, 0, 3)
    assert history.is_duplicate(A, NOT, 0, 3)
    assert not history.is_duplicate(B, NOT, 0, 3)


def test_a_domain_that_moved_to_another_partition_was_said_before() -> None:
    """Its offsets there do not compare: the topic has got more partitions since."""
    history = StatusHistory(10)
    history.record(A, ALL, 0, 20)
    assert history.is_duplicate(A, ALL, 1, 0)
    assert not history.is_duplicate(A, NOT, 1, 0)
    history.record(A, NOT, 1, 0)
    assert history.is_duplicate(A, NOT, 1, 1)


def test_memory_is_bounded_and_forgets_whom_it_heard_of_longest_ago() -> None:
    """Whoever is heard of again stays."""
    history = StatusHistory(2)
    history.record(A, ALL, 0, 1)
    history.record(B, ALL, 0, 2)
    history.record(A, NOT, 0, 3)
    history.record(C, ALL, 0, 4)
    assert len(history) == 2
    assert not history.is_duplicate(B, ALL, 0, 9)
    assert history.is_duplicate(A, NOT, 0, 9)
