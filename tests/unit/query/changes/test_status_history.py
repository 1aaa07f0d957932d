"""Which records repeat a change of status."""

from query.changes.status_history import StatusHistory
from shared.model.domain import DomainName
from shared.model.status import Status

A, B, C = (DomainName(f"{name}.example") for name in "abc")
ALL, NOT = Status.CATCH_ALL, Status.NOT_CATCH_ALL


def test_a_status_is_a_duplicate_after_its_first_record() -> None:
    """Neither in that record nor before it, in whatever order they are read."""
    history = StatusHistory(10)
    history.record(A, ALL, 0, 20)
    assert history.is_duplicate(A, ALL, 0, 21)
    assert not history.is_duplicate(A, ALL, 0, 20)
    assert not history.is_duplicate(A, ALL, 0, 10)
    history.record(A, ALL, 0, 10)
    history.record(A, ALL, 0, 30)
    assert history.is_duplicate(A, ALL, 0, 20)


def test_nothing_comes_after_a_bounce() -> None:
    """After a bounce, catch-all is a duplicate; after catch-all, a bounce is not."""
    history = StatusHistory(10)
    history.record(A, ALL, 0, 1)
    assert not history.is_duplicate(A, NOT, 0, 2)
    history.record(A, NOT, 0, 2)
    assert history.is_duplicate(A, ALL, 0, 3)
    assert history.is_duplicate(A, NOT, 0, 3)
    assert not history.is_duplicate(B, NOT, 0, 3)


def test_a_domain_that_moved_to_another_partition_was_earlier_in_the_old_one() -> None:
    """Its offsets do not compare: the topic has more partitions since."""
    history = StatusHistory(10)
    history.record(A, ALL, 0, 20)
    assert history.is_duplicate(A, ALL, 1, 0)
    assert not history.is_duplicate(A, NOT, 1, 0)
    history.record(A, NOT, 1, 0)
    assert history.is_duplicate(A, NOT, 1, 1)


def test_the_history_drops_the_least_recently_recorded_domain() -> None:
    """A domain that is recorded again stays."""
    history = StatusHistory(2)
    history.record(A, ALL, 0, 1)
    history.record(B, ALL, 0, 2)
    history.record(A, NOT, 0, 3)
    history.record(C, ALL, 0, 4)
    assert len(history) == 2
    assert not history.is_duplicate(B, ALL, 0, 9)
    assert history.is_duplicate(A, NOT, 0, 9)
