"""A bulk request may be an array of what are lines elsewhere."""

import pytest

from ingest.bulk import open_body
from ingest.messages import MAX_LINES
from shared.errors import InputError
from shared.model.event import Event, EventKind
from shared.problems import Problem
from tests.unit.ingest.bulk_requests import GOOD, A, events_of, line, lines_of, parse


@pytest.mark.parametrize("separator", [b",", b"\n , \n"])
def test_an_array_holds_the_same_as_lines(separator: bytes) -> None:
    """Its elements are numbered from one; how it is laid out does not matter."""
    elements = [GOOD, line(event="opened"), b"7", line(event="bounced", count=2.0), GOOD]
    bulk = parse(b" [" + separator.join(elements) + b"]\n", is_array=True)
    assert {(r.line, r.code) for r in bulk.rejected} == {(2, "unknown_event"), (3, "invalid_line")}
    assert lines_of(bulk) == [1, 4, 5]
    good = parse(b"\xef\xbb\xbf[" + separator.join([GOOD] * 2) + b"]", is_array=True)
    assert (events_of(good), good.rejected) == ([Event(A, EventKind.DELIVERED, 2)], [])
    twice = parse(b"[" + GOOD[:-1] + b', "event": "bounced"}]', is_array=True)
    assert [r.code for r in twice.rejected] == ["duplicate_field"]
    assert parse(b"[]", is_array=True).accepted == 0


@pytest.mark.parametrize(
    "body",
    [
        *(b"", GOOD, b"[" + GOOD, b"[" + GOOD + b"] 1", b"[\xff]", b"nil"),
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=lambda body: repr(body[:8]),
)
def test_a_body_that_is_not_an_array_is_refused_whole(body: bytes) -> None:
    """Where an array was announced; so is one that is nested deeper than the decoder reads."""
    with pytest.raises(InputError) as refusal:
        open_body(body, is_array=True)
    assert refusal.value.problem is Problem.MALFORMED_JSON


def test_an_array_has_as_many_elements_as_a_body_has_lines() -> None:
    """5,000, whatever they are."""
    assert parse(b"[" + b",".join([GOOD] * MAX_LINES) + b"]", is_array=True).accepted == MAX_LINES
    with pytest.raises(InputError) as refusal:
        open_body(b"[" + b",".join([b"1"] * (MAX_LINES + 1)) + b"]", is_array=True)
    assert refusal.value.problem is Problem.TOO_MANY_LINES
