"""Judge what the system says of one domain by what it was sent. Pure."""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from tests.tools.load.verification.ledger import Expected


class Answer(msgspec.Struct, frozen=True):
    """What the query tier says of one domain."""

    domain: str
    status: str
    delivered: int
    bounced: int
    threshold: int


class Standing(StrEnum):
    """Whether a domain's counts are what they must be."""

    RIGHT = "right"
    PENDING = "pending"
    """Below what was accepted: right later, or lost."""
    WRONG = "wrong"
    """Can't become right."""


class Finding(NamedTuple):
    """A standing and its reason, empty where all is right."""

    standing: Standing
    reason: str = ""


RIGHT = Finding(Standing.RIGHT)


def judge(name: str, expected: Expected, answer: Answer) -> Finding:
    """Compare *answer* with what the domain sent as *name* was sent.

    Counts only ever grow, so one above its bound is final, as is an answer that contradicts
    itself; one below may still come.
    """
    if answer.domain != name.lower():
        return Finding(Standing.WRONG, f"answered as {answer.domain!r}")
    counts = (
        ("delivered", answer.delivered, expected.delivered),
        ("bounced", answer.bounced, expected.bounced),
    )
    for kind, count, bounds in counts:
        if count > bounds.most:
            return Finding(Standing.WRONG, f"{kind} is {count}, sent were {bounds}")
    if answer.status != (due := status_due(answer)):
        return Finding(Standing.WRONG, f"status is {answer.status!r}, its counts say {due!r}")
    for kind, count, bounds in counts:
        if count < bounds.least:
            return Finding(Standing.PENDING, f"{kind} is {count}, accepted were {bounds}")
    return RIGHT


def status_due(answer: Answer) -> str:
    """Return the status that the counts of *answer* prove."""
    if answer.bounced > 0:
        return "not catch-all"
    return "catch-all" if answer.delivered > answer.threshold else "unknown"
