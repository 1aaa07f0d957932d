"""The answer to a bulk request accepts or refuses each line correctly, whatever it contains."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import BrokerUnavailableError
from tests.clients.raw_client import Answer
from tests.unit.ingest.wire.acceptance import Request, check_acceptance
from tests.unit.ingest.wire.answers import parse_answers
from tests.unit.ingest.wire.framing import GZIP, NDJSON, compress, frame
from tests.unit.ingest.wire.node import PARTITIONS, InMemoryNode, open_node

MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """A line. ``good``: the node must accept it, refuse it, or (None) may do either."""

    text: bytes
    good: bool | None = field(default=None, kw_only=True)


@pytest.fixture(scope="module")
def node() -> Iterator[InMemoryNode]:
    """One node for all examples, each of which resets it."""
    with open_node() as opened:
        yield opened


names = st.sampled_from(["a.example", "B.Example.", "bücher.example", "xn--bcher-kva.example"])
keys = st.none() | st.sampled_from(["k-1", "k-2", "~" * 255])
counts = st.sampled_from([1, 2, 3.0, 1e5, 999_999, 1_000_000])
good_fields = st.fixed_dictionaries(
    {"domain": names, "event": st.sampled_from(["delivered", "bounced"])},
    optional={"count": counts, "id": keys},
)
bad_fields = st.sampled_from(
    [
        {"domain": "localhost"},
        {"domain": "10.0.0.1"},
        {"domain": 7},
        {"event": "opened"},
        {"count": 0},
        {"count": 1_000_001},
        {"count": "2"},
        {"count": True},
        {"id": ""},
        {"id": "two words"},
        {"more": None},
    ]
)


def written(fields: dict[str, object], *, is_ascii: bool, separators: tuple[str, str]) -> bytes:
    """Return *fields* in one of the spellings of JSON."""
    return json.dumps(fields, ensure_ascii=is_ascii, separators=separators).encode()


styles = st.fixed_dictionaries(
    {
        "is_ascii": st.booleans(),
        "separators": st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :\r")]),
    }
)
good = st.builds(
    lambda fields, style: Line(written(fields, **style), good=True), good_fields, styles
)
bad = st.builds(
    lambda fields, fault, style: Line(written({**fields, **fault}, **style), good=False),
    *(good_fields, bad_fields, styles),
)
halves = st.builds(
    lambda line, at: Line(line.text[: at % len(line.text)] or b"{", good=False),
    good,
    st.integers(0),
)
repeated = st.builds(lambda line: Line(line.text[:-1] + b"," + line.text[1:], good=False), good)
doubles = st.builds(lambda line: Line(line.text + line.text, good=False), good)
odd = st.builds(
    lambda text: Line(text.replace(b"\n", b" ")),
    st.binary(max_size=40) | st.text(max_size=40).map(str.encode),
)
blank = st.sampled_from([b"", b" ", b"\t", b"\r", b" \t\r"]).map(Line)
padded = st.builds(
    lambda line, before, after: Line(before + line.text + after, good=line.good),
    good | bad,
    st.sampled_from([b" ", b"\t"]),
    st.sampled_from([b" ", b"\r"]),
)
several = st.lists(
    good | good | good | bad | halves | repeated | doubles | odd | blank | padded, max_size=12
)
bodies = several | st.lists(good, min_size=1, max_size=12)


def exchange(
    node: InMemoryNode, body: bytes, sent: bytes, *headers: str, chunk_bytes: int = 0
) -> Answer:
    """Send *body* as *sent*; check the answer and return it."""
    framed = frame("POST", "/events", [NDJSON, *headers], sent, chunk_bytes)
    request = Request("POST", "/events", framed, body)
    answers = parse_answers(node.exchange(framed))
    check_acceptance([request], answers, node.stored())
    node.check_at_rest()
    return answers[0]


@settings(max_examples=250)
@given(lines=bodies, ended=st.booleans(), chunk_bytes=st.sampled_from([0, 1, 100]))
def test_each_line_is_good_or_refused_for_itself(
    node: InMemoryNode, *, lines: list[Line], ended: bool, chunk_bytes: int
) -> None:
    """Its neighbours change neither its number nor its outcome."""
    node.reset()
    body = b"\n".join(line.text for line in lines) + b"\n" * ended
    answer = exchange(node, body, body, chunk_bytes=chunk_bytes)
    claims = json.loads(answer.body)
    rejected = {rejection["line"] for rejection in claims["rejected"]}

    assert answer.status == (202 if claims["accepted"] else 400)
    for number, line in enumerate(lines, start=1):
        if line.good is not None:
            assert (number in rejected) != line.good, line


@settings(max_examples=120)
@given(
    lines=st.lists(good | bad | blank, max_size=12),
    objects_over_lines=st.lists(st.integers(0, 11), max_size=2),
)
def test_an_object_over_several_lines_is_not_accepted(
    node: InMemoryNode, lines: list[Line], objects_over_lines: list[int]
) -> None:
    """The node never accepts one, and it does not shift the numbers of later lines."""
    node.reset()
    texts = [line.text for line in lines]
    for position in objects_over_lines:
        if position < len(texts):
            texts[position] = texts[position].replace(b"{", b"{\n", 1)
    exchange(node, b"\n".join(texts), b"\n".join(texts))


@settings(max_examples=60)
@given(lines=several, members=st.sampled_from([1, 2, 200]), chunk_bytes=st.sampled_from([0, 7]))
def test_a_compressed_body_gets_the_same_answer(
    node: InMemoryNode, lines: list[Line], members: int, chunk_bytes: int
) -> None:
    """In one gzip member or many, in one piece or in chunks."""
    node.reset()
    body = b"\n".join(line.text for line in lines)
    plain = exchange(node, body, body)
    packed = exchange(node, body, compress(body, members), GZIP, chunk_bytes=chunk_bytes)
    assert (packed.status, packed.body) == (plain.status, plain.body)


@settings(max_examples=60)
@given(lines=several, cut=st.integers(1), noise=st.binary(max_size=20))
def test_no_line_of_a_damaged_file_is_accepted(
    node: InMemoryNode, lines: list[Line], cut: int, noise: bytes
) -> None:
    """A truncated gzip body is refused whole, also with other bytes in place of its end."""
    node.reset()
    whole = gzip.compress(b"\n".join(line.text for line in lines))
    damaged = whole[: len(whole) - 1 - cut % (len(whole) - 1)] + noise
    if whole != damaged:
        assert exchange(node, b"", damaged, GZIP).status == 400


@settings(max_examples=120)
@given(lines=bodies, failing=st.integers(1, PARTITIONS))
def test_lines_that_kafka_refused_are_named_and_not_stored(
    node: InMemoryNode, lines: list[Line], failing: int
) -> None:
    """Lines of other partitions are accepted: a client resends only the failed lines."""
    node.reset()
    node.topic.fail(*[BrokerUnavailableError("refused")] * failing)
    body = b"\n".join(line.text for line in lines)
    answer = exchange(node, body, body)
    claims = json.loads(answer.body)
    if answer.status == 503:
        assert claims["failed"]
        assert claims["code"] == "broker_unavailable"
    else:
        assert not any(line.good for line in lines), "nothing failed, though Kafka refused"


@settings(max_examples=12)
@given(line=good | bad | blank, over=st.booleans(), packed=st.booleans())
def test_five_thousand_lines_are_the_limit(
    node: InMemoryNode, *, line: Line, over: bool, packed: bool
) -> None:
    """Good, bad and blank lines count; beyond the limit the request is refused whole."""
    node.reset()
    body = (line.text + b"\n") * (5_000 + over)
    if len(body) > MAX_BYTES:
        return
    answer = exchange(node, body, *([gzip.compress(body), GZIP] if packed else [body]))
    assert answer.status == (413 if over else 202 if line.good else 400)


@settings(max_examples=12)
@given(lines=several, over=st.booleans(), packed=st.booleans())
def test_a_mebibyte_is_the_limit(
    node: InMemoryNode, *, lines: list[Line], over: bool, packed: bool
) -> None:
    """Plain or inflated; beyond the limit the request is refused whole."""
    node.reset()
    body = b"\n".join([*(line.text for line in lines), b""]).ljust(MAX_BYTES + over)
    answer = exchange(node, body, *([gzip.compress(body), GZIP] if packed else [body]))
    if over:
        assert answer.status == 413
    else:
        assert answer.status in {202, 400}
