"""The fast lane changes nothing but speed: a node without it gives the same answers, and counts."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.auth.config import AccessSettings
from shared.auth.guard import Access
from shared.errors import BrokerUnavailableError, OutcomeUnknownError
from shared.http.fast_lane import FastLaneConnection
from tests.unit.ingest.test_pipelining_properties import LINES as EVENT_LINES
from tests.unit.ingest.test_pipelining_properties import posts, puts
from tests.unit.ingest.wire.answers import parse_answers
from tests.unit.ingest.wire.framing import NDJSON, frame
from tests.unit.ingest.wire.node import MAX_EVENTS, InMemoryNode, open_node
from tests.unit.shared.auth.test_access import entry, keys_of

Nodes = tuple[InMemoryNode, InMemoryNode]
DATE = re.compile(rb"\r\nDate: [^\r]*")
NEW_ID = re.compile(rb"\r\nX-Request-Id: [0-9a-f]{16}\r\n")

TARGETS = [
    *("/events/a.example/delivered", "/events/B.Example./bounced", "/events/localhost/delivered"),
    *("/events/a.example/opened", "/events/a%2Eexample/delivered", "/events/a.example/delivered?"),
    *("/events/a.example/delivered?x=1", "http://h/events/a.example/delivered", "/events"),
    "/events/" + "a." * 130 + "example/delivered",
]
LINES = [
    *("Host: h", "host: 127.0.0.1:8080", "Host:h", "Host: h ", "Host : h", "Host: h h", "Host:"),
    *("Content-Length: 0", "Content-Length: 00", "Content-Length: 1", "content-length:0"),
    *("Connection: keep-alive", "Connection: Keep-Alive", "Connection: close"),
    *("Connection: Upgrade", "Upgrade: websocket", "Expect: 100-continue"),
    *("Transfer-Encoding: chunked", "User-Agent: t", "User-Agent:", "Accept: */*", "Accept: \t"),
    *("Idempotency-Key: k-1", "Idempotency-Key: ", "Idempotency-Key: a b", "idempotency-key:k"),
    *("Idempotency-Key: " + "k" * 300, "X-Request-Id: my-id", "X-Request-Id: a b"),
    *("X-Request-Id: " + "i" * 65, "Authorization: Bearer a.b", "Authorization: none"),
    *("Traceparent: 00-1-1-01", "X-Forwarded-For: ::1, 10.0.0.1", "Cookie: a=b", "Accept: \xe9"),
    *("X-Unknown: y", "Content-Type: text/plain", "Content-Encoding: gzip", " folded", "nonsense"),
]
USUAL = ["Host: h", "Accept: */*", "User-Agent: t", "Content-Length: 0", "Idempotency-Key: k"]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """A node with and one without the lane; each example resets both."""
    with open_node(fast_lane=True) as fast, open_node(fast_lane=False) as slow:
        yield fast, slow


def plain(key: int) -> bytes:
    """Return a request that the lane takes."""
    line = f"Idempotency-Key: {key}\r\n" if key else ""
    return f"PUT /events/a.example/bounced HTTP/1.1\r\nHost: h\r\n{line}\r\n".encode()


@st.composite
def unusual(draw: st.DrawFn) -> bytes:
    """Return a request that differs a little from those that the lane takes."""
    lines = draw(st.lists(st.sampled_from(USUAL), unique=True, max_size=5))
    lines += draw(st.lists(st.sampled_from(LINES), max_size=2))
    if draw(st.integers(0, 7)):
        lines.insert(0, "Host: h")
    if draw(st.booleans()):
        lines = list(dict.fromkeys(lines))
    method = draw(st.sampled_from(["PUT"] * 9 + ["put", "GET", "HEAD", "POST"]))
    version = draw(st.sampled_from(["HTTP/1.1"] * 9 + ["HTTP/1.0", "HTTP/1.2"]))
    target = draw(st.just(TARGETS[0]) | st.sampled_from(TARGETS))
    end = draw(st.sampled_from(["\r\n"] * 15 + ["\n"]))
    return end.join([f"{method} {target} {version}", *lines, "", ""]).encode("latin-1")


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[bytes], list[int]]:
    """Return the pieces of a stream of requests, and the turns of the loop between them."""
    others = puts().map(lambda put: put.sent) | posts().map(lambda post: post.sent)
    noise = st.sampled_from([b"\r\n", b"\r\n\r\n", b"x", b"GET / HTTP/1.1\r\n"])
    hot = st.integers(0, 2).map(plain)
    requests = draw(st.lists(hot | hot | unusual() | others, min_size=1, max_size=6))
    if not draw(st.integers(0, 5)):
        requests.insert(draw(st.integers(0, len(requests))), draw(noise))
    pieces: list[bytes] = []
    for request in requests:
        cuts = sorted(draw(st.lists(st.integers(0, len(request)), max_size=2)))
        edges = [0, *(cuts if not draw(st.integers(0, 3)) else []), len(request)]
        pieces += [request[a:b] for a, b in pairwise(edges) if a < b]
        if len(pieces) > 1 and not draw(st.integers(0, 3)):
            pieces[-2:] = [b"".join(pieces[-2:])]  # two requests, or their ends, in one piece
    turns = draw(st.lists(st.integers(0, 6), max_size=len(pieces)))
    return pieces, turns


@settings(max_examples=600)
@given(stream=streams(), failing=st.sampled_from(["", "", "", "b", "bb", "o", "bob"]))
def test_a_node_without_the_lane_gives_the_same_answers(
    nodes: Nodes, stream: tuple[list[bytes], list[int]], failing: str
) -> None:
    """To the byte, dates and new request ids apart; it stores and counts the same, too."""
    pieces, turns = stream
    errors = {"b": BrokerUnavailableError("refused"), "o": OutcomeUnknownError("late")}
    seen = []
    for node in nodes:
        node.reset()
        node.topic.fail(*[errors[each] for each in failing])
        received = node.exchange(*pieces, turns=turns)
        received = NEW_ID.sub(b"\r\n", DATE.sub(b"", received))
        seen.append((received, node.ended, node.stored(), node.counts()))
        node.check_at_rest()
    fast, slow = seen
    assert fast == slow


def build_access() -> Access:
    """Return the check of two API keys, one of which may send three events a second."""
    keys = keys_of(
        entry("sender", "s1", "ingest", events_per_second=3), entry("other", "o1", "query")
    )
    return Access(keys, lambda: keys, AccessSettings(), lambda: 0.0)


def test_keys_and_quotas_are_those_of_the_handlers() -> None:
    """Each event is taken from the quota once, by lane or handler; the lane never refuses."""
    keys = ["sender.s1", "sender.wrong", "other.o1", "sender.s1", "nobody.x", *["sender.s1"] * 3]
    requests = [plain(0)[:-2] + f"Authorization: Bearer {k}\r\n\r\n".encode() for k in keys]
    seen = []
    for fast_lane in (True, False):
        with open_node(fast_lane=fast_lane, build_access=build_access) as node:
            received = node.exchange(plain(0), *requests)
            answers = parse_answers(NEW_ID.sub(b"\r\n", DATE.sub(b"", received)))
            seen.append((answers, node.stored(), node.counts()))
            node.check_at_rest()
    assert seen[0] == seen[1]
    statuses = [answer.status for answer in seen[0][0]]
    assert statuses == [401, 202, 401, 403, 202, 401, 202, 429, 429]


@pytest.mark.parametrize("obstacle", ["node", "partition", "stopping"])
def test_a_full_node_refuses_as_without_the_lane(obstacle: str) -> None:
    """Its handler refuses, and nothing was taken before it."""
    seen = []
    for fast_lane in (True, False):
        with open_node(fast_lane=fast_lane, build_access=build_access) as node:
            if obstacle == "node":
                assert node.admission.try_admit(MAX_EVENTS, 0)
            elif obstacle == "partition":
                node.publisher._max_age = -1.0
                node.publisher._sent_at = [0.0] * node.publisher.partitions
            else:
                node.publisher._closed = True
            keyed = plain(0)[:-2] + b"Authorization: Bearer sender.s1\r\n\r\n"
            answers = parse_answers(NEW_ID.sub(b"\r\n", DATE.sub(b"", node.exchange(*[keyed] * 5))))
            seen.append((answers, node.counts()))
    assert seen[0] == seen[1]
    assert [answer.status for answer in seen[0][0]] == [503, 503, 503, 429, 429]


def test_the_lane_takes_what_it_should(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the comparison proves nothing; and it takes nothing that is unusual."""
    taken: list[bytes] = []
    take = FastLaneConnection._take

    def record(connection: FastLaneConnection, head: re.Match[bytes]) -> bool:
        done = take(connection, head)
        if done:
            taken.append(head.string)
        return done

    monkeypatch.setattr(FastLaneConnection, "_take", record)
    fast, _ = nodes
    fast.reset()
    first = b"PUT /events/a.example/delivered HTTP/1.1\r\nHost: h\r\n\r\n"
    keyed = first[:-2] + b"Idempotency-Key: k\r\nUser-Agent: t (1; 2)\r\nAccept: */*\r\n\r\n"
    post = frame("POST", "/events", [NDJSON], EVENT_LINES[0])
    fast.exchange(first, keyed, first, turns=[0, 0])
    assert taken == [first, keyed, first]
    taken.clear()
    fast.exchange(first, post, keyed, post[:-1], post[-1:], first)
    assert taken == [first, keyed, first], "it takes them again behind another request"
    taken.clear()
    unusual = [b"Host: h", b"X-Unknown: y", b"Accept: a\r\nAccept: b", b"Content-Length: 00"]
    for line in unusual:
        fast.exchange(first[:-2] + line + b"\r\n\r\n")
    fast.exchange(first + first)
    fast.exchange(first[:9], first[9:], first)
    assert taken == []
