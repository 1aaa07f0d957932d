"""Compare the answer for one domain with the events that were sent to it. Pure."""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from tests.tools.load.verification.ledger import Expected


class Answer(msgspec.Struct, frozen=True):
    """The answer of the query tier for one domain."""

    domain: str
    status: str
    delivered: int
    bounced: int
    threshold: int


class Standing(StrEnum):
    """Whether the counts of a domain are as expected."""

    RIGHT = "right"
    PENDING = "pending"
    """Below the accepted events: right later, or lost."""
    WRONG = "wrong"
    """Can't become right."""


class Finding(NamedTuple):
    """A standing and its reason, empty if all is right."""

    standing: Standing
    reason: str = ""


RIGHT = Finding(Standing.RIGHT)


def evaluate(name: str, expected: Expected, answer: Answer) -> Finding:
    """Compare *answer* with the expected counts of the domain that was sent as *name*.

    Counts only grow, so a count above its bound is final, and so is an answer that contradicts
    itself; a count below its bound may still grow.
    """
    if answer.domain != name.lower():
        return Finding(Standing.WRONG, f"answered as {answer.domain!r}")
    counts = (
        ("delivered", answer.delivered, expected.delivered),
        ("bounced", answer.bounced, expected.bounced),
    )
    for kind, count, bounds in counts:
        if count > bounds.most:
            return Finding(Standing.WRONG, f"{kind} is {count}, but {bounds} were sent")
    if answer.status != (due := status_due(answer)):
        return Finding(Standing.WRONG, f"status is {answer.status!r}, but its counts prove {due!r}")
    for kind, count, bounds in counts:
        if count < bounds.least:
            return Finding(Standing.PENDING, f"{kind} is {count}, but {bounds} were accepted")
    return RIGHT


def status_due(answer: Answer) -> str:
    """Return the status that the counts of *answer* prove."""
    if answer.bounced > 0:
        return "not catch-all"
    return "catch-all" if answer.delivered > answer.threshold else "unknown"
