"""Problem documents, and the table that they are made from."""

import pytest

from shared.errors import (
    BrokerUnavailableError,
    InvalidEventError,
    NodeFullError,
    OutcomeUnknownError,
    RetriableError,
    StoreUnavailableError,
)
from shared.http.problems import HttpProblem, build_problem, code_of, respond_to
from shared.problems import Problem
from tests.fakes.requests import json_of


def test_a_problem_document_is_as_rfc_9457_defines_it() -> None:
    """Type, title, status, detail and our code, and further members, under its media type."""
    response = build_problem(Problem.UNKNOWN_PATH, "Nothing here.", {"X-A": "1"}, {"failed": [1]})
    assert response.content_type == "application/problem+json"
    assert response.headers["X-A"] == "1"
    assert "Retry-After" not in response.headers
    assert json_of(response) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Nothing here.",
        "code": "unknown_path",
        "failed": [1],
    }
    assert code_of(response) == "unknown_path"


def test_every_503_has_retry_after() -> None:
    """Next to other headers, unless it has a value already."""
    assert build_problem(Problem.NODE_FULL, headers={"X-A": "1"}).headers["Retry-After"] == "1"
    assert (
        build_problem(Problem.NODE_FULL, headers={"Retry-After": "9"}).headers["Retry-After"] == "9"
    )


@pytest.mark.parametrize(
    ("error", "status", "code", "detail"),
    [
        (
            HttpProblem(Problem.BODY_TOO_LARGE, max_bytes=9),
            413,
            "body_too_large",
            "The body may have at most 9 bytes, as sent and inflated.",
        ),
        (
            InvalidEventError(Problem.INVALID_COUNT, max_count=5),
            400,
            "invalid_count",
            "The count must be 1 to 5.",
        ),
        (NodeFullError("Too much."), 503, "node_full", "Too much."),
        (BrokerUnavailableError("Too much."), 503, "broker_unavailable", "Too much."),
        (StoreUnavailableError("Too much."), 503, "store_unavailable", "Too much."),
        (OutcomeUnknownError("Too much."), 503, "outcome_unknown", "Too much."),
    ],
)
def test_an_error_has_one_response(error: Exception, status: int, code: str, detail: str) -> None:
    """Code and status come from the table, the sentence from the error."""
    response = respond_to(error)
    body = json_of(response)
    assert (response.status, body["status"]) == (status, status)
    assert (body["code"], body["detail"]) == (code, detail)
    assert ("Retry-After" in response.headers) == (status == 503)


def test_a_problem_keeps_its_headers() -> None:
    """The headers that a handler adds are in the response."""
    error = HttpProblem(Problem.BODY_TOO_SLOW, {"Connection": "close"}, seconds=1)
    assert respond_to(error).headers["Connection"] == "close"


def test_any_other_error_is_raised_again() -> None:
    """A defect is not hidden in a refusal."""
    with pytest.raises(ValueError, match="defect"):
        respond_to(ValueError("a defect"))


def test_every_retriable_error_has_a_problem_that_no_other_has() -> None:
    """Clients distinguish failures by code, so no two classes share one."""
    classes = RetriableError.__subclasses__()
    codes = {kind.problem.code for kind in classes}
    assert codes == {
        *("node_full", "broker_unavailable", "store_unavailable", "outcome_unknown"),
        *("certificate_unavailable", "subscription_unconfirmed"),
    }
    assert len(classes) == len(codes)


@pytest.mark.parametrize("problem", Problem)
def test_a_sentence_is_plain_text_that_ends(problem: Problem) -> None:
    """Printable ASCII with a full stop, without a value in a place that it does not have."""
    for text in filter(None, (problem.detail, problem.note)):
        assert text.isascii()
        assert text.isprintable()
        assert text.endswith(".")
