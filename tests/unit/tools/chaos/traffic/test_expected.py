"""What the counts must come to, with keys that were sent more than once."""

from itertools import permutations

import pytest

from tests.tools.chaos.traffic.expected import Expected
from tests.tools.chaos.traffic.mix import Draft
from tests.tools.load.streams.event import Kind, Outcome
from tests.tools.load.verification.ledger import Bounds

DOMAIN = "a.example"


def noted(*events: tuple[Draft, Outcome]) -> Expected:
    """Return what is expected after *events*."""
    expected = Expected()
    for draft, outcome in events:
        expected.record(draft, outcome)
    return expected


def test_events_without_a_key_add_up() -> None:
    """Accepted ones are certain, unanswered ones possible, refused ones are not there."""
    expected = noted(
        (Draft(DOMAIN, Kind.DELIVERED, 5), Outcome.ACCEPTED),
        (Draft(DOMAIN.upper(), Kind.DELIVERED, 2), Outcome.UNANSWERED),
        (Draft(DOMAIN, Kind.DELIVERED, 9), Outcome.REFUSED),
        (Draft(DOMAIN, Kind.BOUNCED), Outcome.UNANSWERED),
    )
    assert expected.domains == [DOMAIN]
    assert expected.bounds(DOMAIN, Kind.DELIVERED) == Bounds(5, 7)
    assert expected.bounds(DOMAIN, Kind.BOUNCED) == Bounds(0, 1)


@pytest.mark.parametrize("outcomes", list(permutations(Outcome)))
def test_a_key_counts_once_whatever_came_first(outcomes: tuple[Outcome, ...]) -> None:
    """Accepted wins over unanswered, and that over refused, in any order."""
    draft = Draft(DOMAIN, Kind.DELIVERED, 3, "key")
    expected = noted(*((draft, outcome) for outcome in (*outcomes, *outcomes)))
    assert expected.bounds(DOMAIN, Kind.DELIVERED) == Bounds(3, 3)


def test_a_key_that_was_never_accepted_is_possible_once() -> None:
    """Two requests without an answer may have been stored, and count once at most."""
    draft = Draft(DOMAIN, Kind.DELIVERED, 3, "key")
    expected = noted((draft, Outcome.UNANSWERED), (draft, Outcome.UNANSWERED))
    assert expected.bounds(DOMAIN, Kind.DELIVERED) == Bounds(0, 3)


def test_keys_are_of_one_domain() -> None:
    """The same key of another domain is another event."""
    other = "b.example"
    expected = noted(
        (Draft(DOMAIN, Kind.DELIVERED, 1, "key"), Outcome.ACCEPTED),
        (Draft(other, Kind.DELIVERED, 1, "key"), Outcome.ACCEPTED),
    )
    assert expected.bounds(DOMAIN, Kind.DELIVERED) == Bounds(1, 1)
    assert expected.bounds(other, Kind.DELIVERED) == Bounds(1, 1)


@pytest.mark.parametrize(
    ("delivered", "bounced", "right"),
    [(2, 0, True), (3, 0, True), (1, 0, False), (4, 0, False), (2, 1, False)],
)
def test_counts_are_right_within_their_bounds(delivered: int, bounced: int, right: bool) -> None:  # noqa: FBT001 a row of a table
    """Below is lost, above is invented."""
    expected = noted(
        (Draft(DOMAIN, Kind.DELIVERED, 2), Outcome.ACCEPTED),
        (Draft(DOMAIN, Kind.DELIVERED, 1), Outcome.UNANSWERED),
    )
    assert expected.is_right(DOMAIN, delivered, bounced) is right
