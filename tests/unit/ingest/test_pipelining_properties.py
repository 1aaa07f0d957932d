"""A node answers pipelined requests in order, whatever they contain, and stores what it accepts."""

from collections.abc import Iterator
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import BrokerUnavailableError
from tests.unit.ingest.wire.acceptance import Request, check_acceptance
from tests.unit.ingest.wire.answers import check_form, parse_answers
from tests.unit.ingest.wire.framing import GZIP, NDJSON, compress, frame
from tests.unit.ingest.wire.node import InMemoryNode, open_node

METHODS = ["PUT", "PUT", "PUT", "PUT", "GET", "POST", "HEAD", "DELETE"]
PATHS = ["/events/{}/delivered", "/events/{}/bounced", "/events/{}/x", "/events/{}", "/{}"]
TYPES = [NDJSON, NDJSON, NDJSON, NDJSON + "; charset=utf-8", "Content-Type: text/plain", "X: y"]
CODINGS = ["", "", GZIP, GZIP, "Content-Encoding: br", "Content-Encoding: identity"]
LINES = [
    b'{"domain": "a.example", "event": "delivered"}',
    b'{"domain": "B.example.", "event": "bounced", "count": 1000000}',
    b'{"domain": "c.example", "event": "delivered", "id": "k-1"}',
    b'{"domain": "c.example", "event": "delivered", "id": "k-1", "count": 2}',
    b'{"domain": "10.0.0.1", "event": "delivered"}',
    b'{"domain": "a.example",',
    b"null",
    b"",
    b" \t\r",
]


@pytest.fixture(scope="module")
def node() -> Iterator[InMemoryNode]:
    """One node for all examples, each of which resets it."""
    with open_node() as opened:
        yield opened


@st.composite
def puts(draw: st.DrawFn) -> Request:
    """Return a request for one event, or one like it with another method, path or name."""
    domain = draw(st.just("a.example") | st.binary(max_size=40).map(quote_from_bytes))
    target = draw(st.sampled_from(PATHS)).format(domain)
    method = draw(st.sampled_from(METHODS))
    key = draw(st.none() | st.binary(max_size=70).map(header_value))
    headers = [] if key is None else [f"Idempotency-Key: {key}"]
    body = b"x" * draw(st.sampled_from([0, 0, 4096, 4097]))
    sent = frame(method, target, headers, body, draw(st.sampled_from([0, 0, 1000])))
    return Request(method, target, sent, b"", key)


def header_value(raw: bytes) -> str:
    """Return *raw* without the bytes that a header's value can't have."""
    return raw.translate(None, b"\r\n\0").strip(b" \t").decode("latin-1")


@st.composite
def posts(draw: st.DrawFn) -> Request:
    """Return a bulk request; its lines may be damaged, and so may its compression."""
    pieces = []
    for _ in range(draw(st.integers(0, 6))):
        line = draw(st.sampled_from(LINES))
        at, skipped = draw(st.integers(0, len(line))), draw(st.sampled_from([0, 0, 1, 4]))
        line = line[:at] + draw(st.just(b"") | st.binary(max_size=12)) + line[at + skipped :]
        pieces.append(line + draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"\n\n", b"", b" "])))
    body = b"".join(pieces)
    coding = draw(st.sampled_from(CODINGS))
    sent = compress(body, draw(st.sampled_from([1, 2, 64]))) if coding == GZIP else body
    if draw(st.integers(0, 15)) == 15:
        sent = sent[: draw(st.integers(0, len(sent)))] + b"damaged!"
        body = sent if coding != GZIP else b""  # no line of a damaged file may be accepted
    headers = [line for line in (draw(st.sampled_from(TYPES)), coding) if line]
    framed = frame("POST", "/events", headers, sent, draw(st.sampled_from([0, 0, 7, 7_000])))
    return Request("POST", "/events", framed, body)


@settings(max_examples=600)
@given(
    requests=st.lists(puts() | posts(), min_size=1, max_size=4),
    failing=st.sampled_from([0, 0, 0, 1, 4]),
)
def test_each_request_is_answered_and_stored_for_itself(
    node: InMemoryNode, requests: list[Request], failing: int
) -> None:
    """One behind the other on a connection; Kafka refuses the first *failing* batches."""
    node.reset()
    node.topic.fail(*[BrokerUnavailableError("refused")] * failing)
    received = node.exchange(b"".join(request.sent for request in requests))
    answers = parse_answers(received, [request.method for request in requests])
    check_acceptance(requests, answers, node.stored())
    node.check_at_rest()


def test_a_client_that_hangs_up_within_a_body_is_no_defect(node: InMemoryNode) -> None:
    """It stores nothing, and logs no error."""
    node.reset()
    for request in (
        frame("PUT", "/events/a.example/bounced", ["Content-Length: 9"]),
        frame("POST", "/events", [NDJSON], LINES[0])[:-9],
    ):
        assert node.exchange(request) == b""
    assert node.stored() == []
    node.check_at_rest()


@settings(max_examples=600)
@given(
    at=st.integers(0, 140),
    skipped=st.integers(0, 8),
    inserted=st.binary(max_size=60)
    | st.lists(
        st.sampled_from([b"\r\n", b"\n", b" ", b":", b"0", b"chunked", b"PUT /", b"\0"])
    ).map(b"".join),
)
def test_each_accepted_put_is_one_event_whatever_bytes_surround_it(
    node: InMemoryNode, at: int, skipped: int, inserted: bytes
) -> None:
    """Two PUTs with bytes lost and inserted: each 202 is one event, and each answer has a form."""
    if b"HEAD" in inserted or b"POST" in inserted:
        return  # the answers to these have another framing or meaning
    node.reset()
    whole = frame("PUT", "/events/a.example/delivered", ["Idempotency-Key: k"]) * 2
    answers = parse_answers(node.exchange(whole[:at] + inserted + whole[at + skipped :]))
    for answer in answers:
        check_form(answer)
        assert not answer.closes or answer is answers[-1], "an answer behind the last one"
    stored = sum(event.count for event in node.stored())
    assert stored == sum(answer.status == 202 for answer in answers), answers
    node.check_at_rest()
