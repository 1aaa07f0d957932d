"""What the pump sends."""

import json
from itertools import islice

from tests.tools.bench.client.requests import bulk, get, get_many, puts
from tests.tools.load.streams.stream import events_of
from tests.tools.load.streams.waves_stream import WavesStream

SEED = 3


def test_a_put_names_domain_and_kind() -> None:
    """The path says it all; there is no body."""
    events = islice(events_of(WavesStream(SEED)), 50)
    for event, request in zip(events, puts(WavesStream(SEED), 50), strict=True):
        assert (
            request
            == (
                f"PUT /events/{event.name}/{event.kind} HTTP/1.1\r\nHost: bench\r\n"
                "Content-Length: 0\r\n\r\n"
            ).encode()
        )


def test_a_get_names_the_domain() -> None:
    """The path is the query tier's."""
    assert get("a.example.com").startswith(b"GET /domains/a.example.com HTTP/1.1\r\n")


def test_a_question_names_its_domains() -> None:
    """All of them, and how long its body is."""
    head, _, body = get_many(["a.example.com", "b.example.com"]).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /domains HTTP/1.1\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body) == {"domains": ["a.example.com", "b.example.com"]}


def test_bulk_requests_have_so_many_lines_each() -> None:
    """Five events make two requests of two lines; the fifth fills none and is left out."""
    requests = bulk(WavesStream(SEED), 5, 2)
    bodies = [request.partition(b"\r\n\r\n")[2] for request in requests]
    lines = [[json.loads(line) for line in body.splitlines()] for body in bodies]
    events = [{"domain": e.name, "event": e.kind} for e in islice(events_of(WavesStream(SEED)), 4)]
    assert lines == [events[:2], events[2:]]


def test_a_bulk_request_says_how_long_its_body_is() -> None:
    """The head's length is the body's."""
    (request,) = bulk(WavesStream(SEED), 1, 1)
    head, _, body = request.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
