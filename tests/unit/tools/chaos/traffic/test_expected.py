"""The expected counts, with repeated keys."""

from itertools import permutations

import pytest

from tests.tools.chaos.traffic.expected import Expected
from tests.tools.chaos.traffic.mix import Draft
from tests.tools.load.streams.event import Kind, Outcome
from tests.tools.load.verification.ledger import Bounds

DOMAIN = "a.example"


def recorded(*events: tuple[Draft, Outcome]) -> Expected:
    """Return the expected counts after *events*."""
    expected = Expected()
    for draft, outcome in events:
        expected.record(draft, outcome)
    return expected


def test_events_without_a_key_add_up() -> None:
    """Accepted ones are certain, unanswered ones possible, refused ones do not count."""
    expected = recorded(
        (Draft(DOMAIN, Kind.DELIVERED, 5), Outcome.ACCEPTED),
        (Draft(DOMAIN.upper(), Kind.DELIVERED, 2), Outcome.UNANSWERED),
        (Draft(DOMAIN, Kind.DELIVERED, 9), Outcome.REFUSED),
        (Draft(DOMAIN, Kind.BOUNCED), Outcome.UNANSWERED),
    )
    assert expected.domains == [DOMAIN]
    assert expected.bounds(DOMAIN, Kind.DELIVERED) == Bounds(5, 7)
    assert expected.bounds(DOMAIN, Kind.BOUNCED) == Bounds(0, 1)


@pytest.mark.parametrize("outcomes", list(permutations(Outcome)))
def test_a_key_counts_once_in_any_order(outcomes: tuple[Outcome, ...]) -> None:
    """Accepted wins over unanswered, and unanswered over refused."""
    draft = Draft(DOMAIN, Kind.DELIVERED, 3, "key")
    expected = recorded(*((draft, outcome) for outcome in (*outcomes, *outcomes)))
    assert expected.bounds(DOMAIN, Kind.DELIVERED) == Bounds(3, 3)


def test_a_key_that_was_never_accepted_is_possible_once() -> None:
    """Two unanswered requests may have been stored, and count once at most."""
    draft = Draft(DOMAIN, Kind.DELIVERED, 3, "key")
    expected = recorded((draft, Outcome.UNANSWERED), (draft, Outcome.UNANSWERED))
    assert expected.bounds(DOMAIN, Kind.DELIVERED) == Bounds(0, 3)


@pytest.mark.parametrize(
    ("delivered", "bounced", "right"),
    [(2, 0, True), (3, 0, True), (1, 0, False), (4, 0, False), (2, 1, False)],
)
def test_counts_are_right_within_their_bounds(delivered: int, bounced: int, right: bool) -> None:  # noqa: FBT001 a row of a table
    """Below is lost, above is invented."""
    expected = recorded(
        (Draft(DOMAIN, Kind.DELIVERED, 2), Outcome.ACCEPTED),
        (Draft(DOMAIN, Kind.DELIVERED, 1), Outcome.UNANSWERED),
    )
    assert expected.is_right(DOMAIN, delivered, bounced) is right
