"""The increments of a partition between two flushes."""

import pytest

from consumer.counting.aggregate import Aggregate, Increment
from tests.unit.consumer.events import A, B, C, bounced, delivered


def test_events_of_one_domain_add_up_by_kind() -> None:
    """An increment holds the sum per kind, from its oldest event to after its newest."""
    aggregate = Aggregate()
    aggregate.add(delivered(A, 3), 10, 1.0)
    aggregate.add(bounced(A, 2), 12, 2.0)
    aggregate.add(delivered(A), 15, 3.0)
    assert aggregate.get(A) == Increment(4, 2, first_offset=10, next_offset=16, since=1.0)


def test_domains_are_separate() -> None:
    """Events of one domain do not change the increment of another."""
    aggregate = Aggregate()
    aggregate.add(delivered(A), 0, 1.0)
    aggregate.add(bounced(B, 5), 1, 2.0)
    assert aggregate.get(A) == Increment(1, 0, 0, 1, 1.0)
    assert aggregate.get(B) == Increment(0, 5, 1, 2, 2.0)
    assert len(aggregate) == 2
    assert list(aggregate) == [A, B]
    assert A in aggregate
    assert C not in aggregate
    assert aggregate.get(C) is None


def test_a_popped_increment_is_no_longer_pending() -> None:
    """After a pop the next event starts a new increment."""
    aggregate = Aggregate()
    aggregate.add(delivered(A, 3), 10, 1.0)
    assert aggregate.pop(A) == Increment(3, 0, 10, 11, 1.0)
    assert A not in aggregate
    aggregate.add(delivered(A), 11, 2.0)
    assert aggregate.get(A) == Increment(1, 0, 11, 12, 2.0)


def test_popping_a_missing_increment_raises() -> None:
    """A pop without an increment is a defect of the caller."""
    with pytest.raises(KeyError):
        Aggregate().pop(A)


def test_a_restored_increment_is_pending_as_before() -> None:
    """Without new events a failed increment comes back unchanged."""
    aggregate = Aggregate()
    aggregate.add(delivered(A, 3), 10, 1.0)
    taken = aggregate.pop(A)
    aggregate.restore(A, taken)
    assert aggregate.get(A) == Increment(3, 0, 10, 11, 1.0)


def test_a_restored_increment_includes_later_events() -> None:
    """The sum covers the failed increment's oldest event to the latest one."""
    aggregate = Aggregate()
    aggregate.add(delivered(A, 3), 10, 1.0)
    taken = aggregate.pop(A)
    aggregate.add(bounced(A, 2), 20, 5.0)
    aggregate.add(delivered(A, 1), 21, 6.0)
    aggregate.restore(A, taken)
    assert aggregate.get(A) == Increment(4, 2, 10, 22, 1.0)
    assert len(aggregate) == 1


def test_the_oldest_offset_and_time_are_those_of_all_domains() -> None:
    """The oldest event is found in any domain."""
    aggregate = Aggregate()
    aggregate.add(delivered(A), 10, 1.0)
    aggregate.add(delivered(B), 11, 2.0)
    taken = aggregate.pop(A)
    aggregate.add(delivered(C), 12, 3.0)
    assert (aggregate.oldest_offset(), aggregate.oldest_since()) == (11, 2.0)
    aggregate.restore(A, taken)
    assert (aggregate.oldest_offset(), aggregate.oldest_since()) == (10, 1.0)


def test_an_empty_aggregate_has_no_oldest_offset() -> None:
    """Without increments there is neither an oldest offset nor an oldest time."""
    aggregate = Aggregate()
    assert aggregate.oldest_offset() is None
    assert aggregate.oldest_since() is None
    assert len(aggregate) == 0
