"""Derive the outcome of each event from the answer to its request. Pure.

An outcome needs proof: ``202`` proves that an event is stored, a refusal that it is not. Any other
answer leaves the event unanswered, so that its count may or may not include it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import msgspec

from tests.tools.load.streams.event import Outcome

OUTCOME_UNKNOWN = "outcome_unknown"
"""The code of a 503 whose event may be in Kafka."""
_SHOWN_BYTES = 80


class Fate(NamedTuple):
    """The outcome of an event, and the code of its reason."""

    outcome: Outcome
    code: str = ""


ACCEPTED = Fate(Outcome.ACCEPTED)
NOT_SENT = Fate(Outcome.REFUSED, "no_connection")
NO_ANSWER = Fate(Outcome.UNANSWERED, "no_answer")
TIMED_OUT = Fate(Outcome.UNANSWERED, "timeout")
OUTSIDE_CONTRACT = Fate(Outcome.UNANSWERED, "answer_outside_contract")


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcomes of the events of one request."""

    fate: Fate
    lines: Mapping[int, Fate] = field(default_factory=dict)
    """Lines (from 1) with another outcome."""
    breach: str = ""
    """How the answer violates the API, if it does."""

    @property
    def accepts_all(self) -> bool:
        """True if every event was accepted."""
        return self.fate.outcome is Outcome.ACCEPTED and not self.lines


class _Problem(msgspec.Struct):
    code: str


class _Rejected(msgspec.Struct):
    line: int
    code: str


class _Outcomes(msgspec.Struct):
    accepted: int
    rejected: list[_Rejected]
    failed: list[int] = msgspec.field(default_factory=list)


T = TypeVar("T")
_ALL_ACCEPTED = Reply(ACCEPTED)


def read_put(status: int, body: bytes) -> Reply:
    """Return the outcome of an event sent by PUT."""
    if status == 202 and not body:
        return _ALL_ACCEPTED
    if status >= 400:
        return Reply(_refusal(status, body))
    return _outside(status, body)


def read_bulk(status: int, body: bytes, lines: int) -> Reply:
    """Return the outcome of each of the *lines* of a bulk request."""
    if status not in {202, 503}:
        return Reply(_refusal(status, body)) if status >= 400 else _outside(status, body)
    outcomes = _decode(body, _Outcomes)
    if outcomes is None:
        return _outside(status, body) if status == 202 else Reply(_refusal(status, body))
    failure = _refusal(status, body)
    fates = dict.fromkeys(outcomes.failed, failure)
    fates.update((r.line, Fate(Outcome.REFUSED, r.code)) for r in outcomes.rejected)
    named = len(outcomes.failed) + len(outcomes.rejected)
    consistent = (
        outcomes.accepted == lines - named
        and len(fates) == named
        and all(1 <= line <= lines for line in fates)
        and (status == 503) == bool(outcomes.failed)
    )
    return Reply(ACCEPTED, fates) if consistent else _outside(status, body)


def _refusal(status: int, body: bytes) -> Fate:
    problem = _decode(body, _Problem)
    code = f"http_{status}" if problem is None else problem.code
    unknown = status == 503 and code == OUTCOME_UNKNOWN
    return Fate(Outcome.UNANSWERED if unknown else Outcome.REFUSED, code)


def _outside(status: int, body: bytes) -> Reply:
    shown = ascii(body[:_SHOWN_BYTES].decode(errors="replace"))
    return Reply(OUTSIDE_CONTRACT, breach=f"status {status} with the body {shown}")


def _decode(body: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
