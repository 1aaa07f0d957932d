"""The rows of a bucket against what was sent to its domains."""

from tests.tools.bench.comparison.counts import (
    CountComparison,
    Due,
    Row,
    add,
    first_bounce,
    numbers_by_bucket,
)

ONE = (1, 1, 0, 0)


def compared(expected: dict[str, Due], *rows: Row) -> CountComparison:
    """Return the comparison of one bucket."""
    comparison = CountComparison()
    comparison.compare(rows, expected)
    return comparison


def test_rows_are_added_up_as_a_reader_does() -> None:
    """The row with the largest offset of each topic partition; a column without updates is 0."""
    rows: list[Row] = [
        ("a.com", "t/0", 9, 0, 12),
        ("a.com", "t/0", 7, 9, 10),
        ("a.com", "t/1", 1, None, 3),
    ]
    comparison = compared({"a.com": (10, 10, 0, 0)}, *rows)
    assert (comparison.domains, comparison.wrong, comparison.rows) == (1, 0, 3)


def test_a_count_that_is_too_high_or_too_low_is_wrong() -> None:
    """Each is named, with what was expected."""
    comparison = compared(
        {"a.com": ONE, "b.com": ONE, "c.com": ONE},
        ("a.com", "t/0", 2, 0, 9),
        ("b.com", "t/0", 0, 0, 9),
        ("c.com", "t/0", 1, 1, 9),
    )
    assert (comparison.domains, comparison.wrong) == (3, 3)
    assert comparison.reasons[0] == "a.com has 2 delivered and 0 bounced, expected 1 and 0"


def test_a_domain_without_rows_has_no_counts() -> None:
    """Wrong if events of it were accepted, right if all of them were refused."""
    comparison = compared({"a.com": ONE, "b.com": (0, 0, 0, 0)})
    assert (comparison.domains, comparison.wrong) == (2, 1)


def test_a_domain_that_nobody_sent_is_unexpected() -> None:
    """It is named, and does not count as compared."""
    comparison = compared({"a.com": ONE}, ("a.com", "t/0", 1, 0, 1), ("b.com", "t/0", 1, 0, 1))
    assert (comparison.domains, comparison.unexpected) == (1, 1)
    assert comparison.first_unexpected == ["b.com"]


def test_unanswered_events_may_count_or_not() -> None:
    """Between the bounds, counts from before included, every number is right."""
    bounds = add((1, 3, 0, 0), delivered=10, bounced=1)
    for delivered, wrong in ((10, 1), (11, 0), (13, 0), (14, 1)):
        assert compared({"a.com": bounds}, ("a.com", "t/0", delivered, 1, 9)).wrong == wrong
    for bounced in (0, 1):
        assert not compared({"a.com": first_bounce(0)}, ("a.com", "t/0", 0, bounced, 9)).wrong
    assert compared({"a.com": first_bounce(1)}, ("a.com", "t/0", 0, 0, 9)).wrong


def test_every_domain_is_in_one_bucket() -> None:
    """In the order of the numbers."""
    found = numbers_by_bucket(range(1_000), lambda number: f"d{number}.com", 8)
    assert sorted(number for bucket in found for number in bucket) == list(range(1_000))
    assert all(list(bucket) == sorted(bucket) and len(bucket) > 50 for bucket in found)
