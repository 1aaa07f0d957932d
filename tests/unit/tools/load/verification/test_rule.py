"""Comparing a domain's counts with its events."""

from array import array

import pytest

from tests.tools.load.streams.event import Kind, Outcome
from tests.tools.load.streams.stream import code_of
from tests.tools.load.verification.ledger import Ledger
from tests.tools.load.verification.rule import RIGHT, Answer, Standing, evaluate

NAME = "AbC.net"


def ledger(**sent: int) -> Ledger:
    """Return a ledger of one domain: ``accepted_delivered=3`` and so on."""
    book = Ledger()
    for key, count in sent.items():
        outcome, kind = key.split("_")
        book.record(array("I", [code_of(0, Kind(kind))] * count), Outcome(outcome))
    return book


def answer(delivered: int, bounced: int = 0, status: str = "unknown") -> Answer:
    """Return an answer of the query tier."""
    return Answer(
        domain=NAME.lower(), status=status, delivered=delivered, bounced=bounced, threshold=5
    )


def standing(book: Ledger, given: Answer) -> Standing:
    """Return the standing of the domain of *book*."""
    return evaluate(NAME, book.expected(0), given).standing


def test_counts_must_equal_the_accepted_events() -> None:
    """If every request was answered, only one count is right."""
    book = ledger(accepted_delivered=3, refused_delivered=2)
    assert evaluate(NAME, book.expected(0), answer(3)) == RIGHT
    assert standing(book, answer(2)) is Standing.PENDING
    assert standing(book, answer(4)) is Standing.WRONG


def test_unanswered_events_may_be_counted_or_not() -> None:
    """The count is between accepted, and accepted plus unanswered."""
    book = ledger(accepted_delivered=1, unanswered_delivered=2)
    assert [standing(book, answer(count)) for count in range(5)] == [
        Standing.PENDING,
        Standing.RIGHT,
        Standing.RIGHT,
        Standing.RIGHT,
        Standing.WRONG,
    ]


def test_a_domain_with_only_refused_events_must_stay_unknown() -> None:
    """Nothing is invented."""
    book = ledger(refused_bounced=1)
    assert standing(book, answer(0)) is Standing.RIGHT
    assert standing(book, answer(0, 1, "not catch-all")) is Standing.WRONG


def test_one_count_above_its_bound_is_wrong_while_the_other_is_pending() -> None:
    """It can't become right, so there is no wait."""
    book = ledger(accepted_delivered=3, accepted_bounced=1)
    assert standing(book, answer(0, 2, "not catch-all")) is Standing.WRONG


@pytest.mark.parametrize(
    ("delivered", "bounced", "status"),
    [
        (5, 0, "unknown"),
        (6, 0, "catch-all"),
        (6, 1, "not catch-all"),
        (0, 1, "not catch-all"),
    ],
)
def test_a_status_must_follow_from_the_counts(delivered: int, bounced: int, status: str) -> None:
    """More than the threshold without a bounce is catch-all, the threshold itself unknown."""
    book = ledger(accepted_delivered=delivered, accepted_bounced=bounced)
    for said in ("unknown", "catch-all", "not catch-all"):
        expected = Standing.RIGHT if said == status else Standing.WRONG
        assert standing(book, answer(delivered, bounced, said)) is expected


def test_an_answer_about_another_domain_is_wrong() -> None:
    """Answers have the lower-case spelling of the requested name."""
    book = ledger(accepted_delivered=1)
    other = Answer(domain=NAME, status="unknown", delivered=1, bounced=0, threshold=5)
    assert standing(book, other) is Standing.WRONG


def test_reasons_name_the_count_and_its_bounds() -> None:
    """The reason shows how far a count is off."""
    book = ledger(accepted_delivered=3, unanswered_delivered=2)
    assert (
        evaluate(NAME, book.expected(0), answer(2)).reason
        == "delivered is 2, but 3..5 were accepted"
    )
    assert (
        evaluate(NAME, book.expected(0), answer(6)).reason == "delivered is 6, but 3..5 were sent"
    )
