"""Inflating a body within a limit of memory."""

import gzip
import random

import pytest
from aiohttp.test_utils import make_mocked_request

from shared.http.bodies import inflate
from shared.http.problems import HttpProblem
from shared.problems import Problem

LIMIT = 1000


def inflated(body: bytes, coding: str | None = "gzip", limit: int = LIMIT) -> bytes:
    """Return *body* inflated, as a request with that content coding."""
    headers = {} if coding is None else {"Content-Encoding": coding}
    return inflate(make_mocked_request("POST", "/", headers), body, limit)


@pytest.mark.parametrize("coding", [None, "identity"])
def test_a_plain_body_is_unchanged(coding: str | None) -> None:
    """A body without a coding is returned as it is."""
    assert inflated(b"plain", coding) == b"plain"


@pytest.mark.parametrize("members", [1, 2, 1000])
@pytest.mark.parametrize("part", [b"x", b""])
def test_the_members_of_a_gzip_body_are_one_body(members: int, part: bytes) -> None:
    """Concatenated members are one body (RFC 1952, 2.2), up to a limit."""
    assert inflated(gzip.compress(part) * members) == part * members


def test_members_of_any_size_are_joined() -> None:
    """Also those that are longer than the pieces in which they are inflated."""
    parts = [random.Random(size).randbytes(size) for size in (1, 16_384, 40_000, 0, 16_360, 7)]
    body = b"".join(map(gzip.compress, parts))
    assert inflated(body, limit=100_000) == b"".join(parts)


def test_a_body_of_too_many_members_is_refused() -> None:
    """An empty member costs 20 bytes to send, and more to inflate."""
    with pytest.raises(HttpProblem) as refused:
        inflated(gzip.compress(b"") * 1001)
    assert refused.value.problem is Problem.MALFORMED_BODY


@pytest.mark.parametrize("pieces", [[LIMIT + 1], [LIMIT, 1]])
def test_a_body_that_inflates_too_much_is_refused(pieces: list[int]) -> None:
    """The limit is for all members together."""
    with pytest.raises(HttpProblem) as refused:
        inflated(b"".join(gzip.compress(b"x" * size) for size in pieces))
    assert refused.value.problem is Problem.BODY_TOO_LARGE


def test_a_body_that_inflates_to_the_limit_is_accepted() -> None:
    """The limit itself is permitted."""
    assert inflated(gzip.compress(b"x" * LIMIT)) == b"x" * LIMIT


@pytest.mark.parametrize(
    "body", [b"no gzip", gzip.compress(b"cut short")[:-3], gzip.compress(b"whole") + b"noise"]
)
def test_an_incomplete_gzip_body_is_refused(body: bytes) -> None:
    """Garbage and a truncated file alike."""
    with pytest.raises(HttpProblem) as refused:
        inflated(body)
    assert refused.value.problem is Problem.MALFORMED_BODY


def test_another_coding_is_refused() -> None:
    """Only gzip is inflated."""
    with pytest.raises(HttpProblem) as refused:
        inflated(b"", "br")
    assert refused.value.problem is Problem.UNSUPPORTED_ENCODING
    assert refused.value.headers == {"Accept-Encoding": "gzip"}


@pytest.mark.parametrize("coding", ["x-gzip", "GZIP", " X-Gzip "])
def test_gzip_has_two_names(coding: str) -> None:
    """In any case (RFC 9110, 8.4.1)."""
    assert inflated(gzip.compress(b"plain"), coding) == b"plain"
