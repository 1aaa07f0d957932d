"""The lines of a bulk request; each is accepted or rejected by itself."""

import json
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.bulk import BulkRequest, open_body
from ingest.messages import MAX_LINES
from shared.errors import InputError
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.partitioning import partition_of
from shared.problems import Problem
from tests.unit.ingest.bulk_requests import GOOD, A, events_of, line, lines_of, parse

IDN = DomainName("xn--bcher-kva.example")


@pytest.mark.parametrize(
    ("body", "event"),
    [
        (GOOD, Event(A, EventKind.DELIVERED)),
        (line(event="bounced"), Event(A, EventKind.BOUNCED)),
        (line(count=1), Event(A, EventKind.DELIVERED)),
        (line(count=1_000_000), Event(A, EventKind.DELIVERED, 1_000_000)),
        (line(count=3.0), Event(A, EventKind.DELIVERED, 3)),
        (GOOD[:-1] + b', "count": 1e3}', Event(A, EventKind.DELIVERED, 1000)),
        (line(id="k-1"), Event(A, EventKind.DELIVERED, 1, "k-1")),
        (line(id="a:b::c"), Event(A, EventKind.DELIVERED, 1, "a:b::c")),
        (GOOD[:-1] + b', "id": "a\\u003ab"}', Event(A, EventKind.DELIVERED, 1, "a:b")),
        (b"\xef\xbb\xbf" + GOOD, Event(A, EventKind.DELIVERED)),
        (line(id=None), Event(A, EventKind.DELIVERED)),
        (line(domain="A.Example."), Event(A, EventKind.DELIVERED)),
        (line(domain="bücher.example"), Event(IDN, EventKind.DELIVERED)),
        (b"  " + GOOD + b" \r", Event(A, EventKind.DELIVERED)),
    ],
)
def test_a_valid_line_is_an_event(body: bytes, event: Event) -> None:
    """Count and id are optional; a domain may have any spelling."""
    bulk = parse(body)
    assert (lines_of(bulk), events_of(bulk)) == ([1], [event])
    assert bulk.rejected == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"delivered a.example", "malformed_json"),
        (GOOD[:-1], "malformed_json"),
        (GOOD + GOOD, "malformed_json"),
        (b"\xef\xbb\xbf\xef\xbb\xbf" + GOOD, "malformed_json"),
        (GOOD + b"\x00", "malformed_json"),
        (b"\xff\xfe" + GOOD.decode().encode("utf-16-le"), "malformed_json"),
        (b"[" + GOOD + b"]", "invalid_line"),
        (GOOD[:-1] + b', "event": "delivered"}', "duplicate_field"),
        (GOOD[:-1] + b', "\\u0065vent": "bounced"}', "duplicate_field"),
        (GOOD[:-1] + b', "count": 1, "count": 2}', "duplicate_field"),
        (GOOD[:-1] + b', "id": "k", "id": null}', "duplicate_field"),
        (GOOD[:-1] + b', "id": "a:b", "id": "\\u003a"}', "duplicate_field"),
        (GOOD[:-1] + b', "count": 1, "count": 2, "id": "a\\u003ab"}', "duplicate_field"),
        (b'{"domain": "a\xff.example", "event": "delivered"}', "malformed_json"),
        (b'{"domain": "\\ud800.example", "event": "delivered"}', "malformed_json"),
        (b"[]", "invalid_line"),
        (b"null", "invalid_line"),
        (b"{}", "invalid_line"),
        (b'{"domain": "a.example"}', "invalid_line"),
        (b'{"event": "delivered"}', "invalid_line"),
        (line(domain=None), "invalid_line"),
        (line(domain=["a.example"]), "invalid_line"),
        (line(event=1), "invalid_line"),
        (line(count="1"), "invalid_line"),
        (line(count=1.5), "invalid_line"),
        (line(count=True), "invalid_line"),
        (line(count=None), "invalid_line"),
        (line(count=10**30), "invalid_count"),
        (line(count=0.0), "invalid_count"),
        (line(count=1e30), "invalid_count"),
        (GOOD[:-1] + b', "count": 1e999}', "invalid_line"),
        (line(cuont=2), "invalid_line"),
        (line(id=7), "invalid_line"),
        (line(event="opened"), "unknown_event"),
        (line(event="Delivered"), "unknown_event"),
        (line(count=0), "invalid_count"),
        (line(count=-1), "invalid_count"),
        (line(count=1_000_001), "invalid_count"),
        (line(id=""), "invalid_key"),
        (line(id="a b"), "invalid_key"),
        (line(id="k" * 256), "invalid_key"),
        (line(domain=""), "empty_domain"),
        (line(domain="localhost"), "single_label"),
        (line(domain="10.0.0.1"), "ip_address"),
    ],
)
def test_an_invalid_line_is_rejected_with_its_code(body: bytes, code: str) -> None:
    """With a code for programs and a sentence for people; nothing of it is counted."""
    bulk = parse(body)
    assert (bulk.accepted, lines_of(bulk), events_of(bulk)) == (0, [], [])
    assert [(r.line, r.code) for r in bulk.rejected] == [(1, code)]
    assert bulk.rejected[0].detail


def test_a_field_given_twice_is_found_next_to_lines_that_give_fewer() -> None:
    """The lines together have the number of fields of valid ones."""
    twice = GOOD[:-1] + b', "count": 1, "count": 2}'
    bulk = parse(b"\n".join([GOOD, twice, line(count=3, id="k"), line(count=4), GOOD]))
    assert [(r.line, r.code) for r in bulk.rejected] == [(2, "duplicate_field")]
    assert lines_of(bulk) == [1, 3, 4, 5]


def test_invalid_lines_do_not_affect_valid_ones() -> None:
    """Each line keeps its number, counted from one; blank lines have a number and no event."""
    body = b"\n".join([GOOD, b"", b"nonsense", b" \t\r", line(event="bounced"), b"{}", b""])
    bulk = parse(body)
    assert lines_of(bulk) == [1, 5]
    assert [r.line for r in bulk.rejected] == [3, 6]


@pytest.mark.parametrize(
    "body",
    [
        GOOD + GOOD + b"\n\n" + GOOD,
        GOOD.replace(b",", b",\n") + b"\n" + GOOD + GOOD,
        b"\n" + GOOD + GOOD,
        GOOD.replace(b",", b",\n"),
        GOOD + b"\n" + GOOD.replace(b"{", b"{\n") + b"\n" + GOOD,
    ],
)
def test_each_object_is_exactly_one_line(body: bytes) -> None:
    """Decoding all lines at once accepts neither two objects on a line nor one over several."""
    bulk = parse(body)
    assert bulk.accepted == sum(line == GOOD for line in body.split(b"\n"))
    assert [r.line for r in bulk.rejected] == [
        number for number, line in enumerate(body.split(b"\n"), 1) if line not in {b"", GOOD}
    ]


def test_lines_are_added_up_and_go_to_their_partitions() -> None:
    """Each domain is in the sums of its partition only, and its lines are found by partition."""
    names = [f"d{number}.example" for number in range(20)]
    body = b"\n".join(
        line(domain=name, event=event, count=2)
        for name in names
        for event in ("delivered", "bounced", "delivered")
    )
    bulk = parse(body + b"\n" + line(domain=names[0], id="k"))
    place = partial(partition_of, partitions=4)
    parts = bulk.by_partition(place)
    for number, name in enumerate(names):
        own = partition_of(DomainName(name), 4)
        for partition, sums in parts.items():
            assert sums.delivered.get(DomainName(name), 0) == 4 * (partition == own)
            assert sums.bounced.get(DomainName(name), 0) == 2 * (partition == own)
        assert {3 * number + 1, 3 * number + 2, 3 * number + 3} <= set(bulk.lines_of({own}, place))
    assert sum(len(sums.keyed) for sums in parts.values()) == 1
    assert len(bulk.lines_of(parts, place)) == bulk.accepted == 61


@pytest.mark.parametrize("body", [b"", b"\n", b"\n\n\r\n  \n"])
def test_a_body_of_blank_lines_has_no_events(body: bytes) -> None:
    """Blank lines are not rejected."""
    bulk = parse(body)
    assert (bulk.accepted, bulk.rejected) == (0, [])


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_the_limit_of_lines_is_accepted(end: bytes) -> None:
    """5,000 lines, with or without a line end after the last."""
    bulk = parse(b"\n".join([GOOD] * MAX_LINES) + end)
    assert bulk.accepted == MAX_LINES == 5000
    assert lines_of(bulk)[-1] == MAX_LINES


@pytest.mark.parametrize("filling", [GOOD, b""])
@pytest.mark.parametrize("end", [GOOD, GOOD + b"\n"])
def test_one_line_more_is_too_many(filling: bytes, end: bytes) -> None:
    """The 5,001st line refuses the request; blank lines count."""
    with pytest.raises(InputError) as refusal:
        open_body(b"\n".join([filling] * MAX_LINES + [end]), is_array=False)
    assert refusal.value.problem is Problem.TOO_MANY_LINES


def test_a_rejection_quotes_little_of_the_line() -> None:
    """The text is escaped and cut, also the name of an unknown field."""
    name = "\x1b[31m" + "ü" * 200
    (rejection,) = parse(json.dumps({name: 1}).encode()).rejected
    assert len(rejection.detail) <= 120
    assert rejection.detail.isascii()
    assert rejection.detail.isprintable()


@settings(max_examples=300)
@given(body=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_accepted_or_rejected(body: bytes) -> None:
    """Every line that is not blank has exactly one outcome."""
    bulk = parse(body)
    numbers = lines_of(bulk) + [r.line for r in bulk.rejected]
    lines = body.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    assert sorted(numbers) == [
        number for number, line in enumerate(lines, 1) if line and not line.isspace()
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@settings(max_examples=300)
@given(
    fields=st.dictionaries(
        st.sampled_from(["domain", "event", "count", "id", "other"]),
        json_values | st.sampled_from(["a.example", "delivered", 1]),
    )
)
def test_any_json_is_accepted_or_rejected(fields: dict[str, object]) -> None:
    """An accepted line is a valid event."""
    bulk = parse(json.dumps(fields).encode())
    assert bulk.accepted + len(bulk.rejected) == 1
    for event in events_of(bulk):
        assert 1 <= event.count <= 1_000_000


@pytest.mark.parametrize("line", [GOOD, b"nonsense", b"", line(event="opened")])
def test_a_long_body_is_parsed_with_pauses(line: bytes) -> None:
    """For all kinds of lines, so that other tasks can run."""
    body = b"\n".join([line] * (MAX_LINES - 1) + [GOOD])
    bulk = BulkRequest()
    taken = [
        bulk.accepted + len(bulk.rejected) for _ in bulk.parse(open_body(body, is_array=False))
    ]
    assert len(taken) == 10
    assert max(after - before for before, after in pairwise(taken)) <= MAX_LINES // 10
