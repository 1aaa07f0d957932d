"""The outcomes that an answer proves."""

import json

import pytest

from tests.tools.load.sending.answers import (
    ACCEPTED,
    OUTSIDE_CONTRACT,
    Fate,
    Reply,
    read_bulk,
    read_put,
)
from tests.tools.load.streams.event import Outcome


def problem(code: str, **more: object) -> bytes:
    """Return the body of a refusal."""
    return json.dumps({"type": "about:blank", "title": "", "code": code, **more}).encode()


def outcomes(accepted: int, *rejected: int, **more: object) -> dict[str, object]:
    """Return the fields of an answer to a bulk request."""
    lines = [{"line": line, "code": "invalid_line", "detail": ""} for line in rejected]
    return {"accepted": accepted, "rejected": lines, **more}


def body(accepted: int, *rejected: int) -> bytes:
    """Return the body of a 202 to a bulk request."""
    return json.dumps(outcomes(accepted, *rejected)).encode()


REJECTED = Fate(Outcome.REFUSED, "invalid_line")
UNKNOWN = Fate(Outcome.UNANSWERED, "outcome_unknown")
FULL = Fate(Outcome.REFUSED, "node_full")


@pytest.mark.parametrize(
    ("status", "content", "fate"),
    [
        (202, b"", ACCEPTED),
        (400, problem("empty_label"), Fate(Outcome.REFUSED, "empty_label")),
        (503, problem("node_full"), FULL),
        (503, problem("outcome_unknown"), UNKNOWN),
        (502, b"<html>", Fate(Outcome.REFUSED, "http_502")),
        (500, problem("outcome_unknown"), Fate(Outcome.REFUSED, "outcome_unknown")),
    ],
)
def test_a_put_is_accepted_refused_or_unknown(status: int, content: bytes, fate: Fate) -> None:
    """202 proves an event stored, a refusal proves it not stored, except ``outcome_unknown``."""
    assert read_put(status, content) == Reply(fate)


@pytest.mark.parametrize(("status", "content"), [(200, b""), (302, b""), (202, b"stored")])
def test_a_put_answered_outside_the_contract_proves_nothing(status: int, content: bytes) -> None:
    """The event counts as unanswered, and the answer is reported."""
    reply = read_put(status, content)
    assert reply.fate == OUTSIDE_CONTRACT
    assert str(status) in reply.breach


def test_all_lines_but_the_rejected_are_accepted() -> None:
    """A 202 names the rejected lines."""
    assert read_bulk(202, body(5), 5) == Reply(ACCEPTED)
    assert read_bulk(202, body(3, 2, 5), 5) == Reply(ACCEPTED, {2: REJECTED, 5: REJECTED})


@pytest.mark.parametrize(("code", "fate"), [("node_full", FULL), ("outcome_unknown", UNKNOWN)])
def test_failed_lines_have_the_outcome_of_the_code(code: str, fate: Fate) -> None:
    """A 503 with ``failed`` accepts all other lines."""
    content = problem(code, **outcomes(2, 3, failed=[1, 4]))
    assert read_bulk(503, content, 5) == Reply(ACCEPTED, {1: fate, 3: REJECTED, 4: fate})


@pytest.mark.parametrize(("code", "fate"), [("node_full", FULL), ("outcome_unknown", UNKNOWN)])
def test_a_503_that_names_no_lines_is_about_all(code: str, fate: Fate) -> None:
    """Without ``failed`` the code applies to the whole request."""
    assert read_bulk(503, problem(code), 5) == Reply(fate)


def test_a_refused_bulk_request_stored_nothing() -> None:
    """A 4xx applies to the whole request."""
    assert read_bulk(413, problem("too_many_lines"), 9) == Reply(
        Fate(Outcome.REFUSED, "too_many_lines")
    )


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (202, b""),
        (202, b"\xff"),
        (202, body(4)),
        (202, body(4, 6)),
        (202, body(4, 0)),
        (202, body(3, 2, 2)),
        (202, json.dumps(outcomes(4, failed=[1])).encode()),
        (503, problem("node_full", **outcomes(5, failed=[]))),
        (503, problem("node_full", **outcomes(5, failed=[1]))),
        (200, body(5)),
    ],
)
def test_a_bulk_answer_that_does_not_add_up_proves_nothing(status: int, content: bytes) -> None:
    """Every line counts as unanswered, and the answer is reported."""
    reply = read_bulk(status, content, 5)
    assert reply.fate == OUTSIDE_CONTRACT
    assert not reply.lines
    assert str(status) in reply.breach
