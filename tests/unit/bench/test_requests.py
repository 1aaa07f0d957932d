"""What the pump sends."""

import json

from tests.bench.requests import bulk, get, put
from tests.load.event import Event, Kind


def test_a_put_names_domain_and_kind() -> None:
    """The path says it all; there is no body."""
    assert put(Event(0, "a.example.com", Kind.BOUNCED)) == (
        b"PUT /events/a.example.com/bounced HTTP/1.1\r\nHost: bench\r\n\r\n"
    )


def test_a_get_names_the_domain() -> None:
    """The path is the query tier's."""
    assert get("a.example.com").startswith(b"GET /domains/a.example.com HTTP/1.1\r\n")


def test_bulk_requests_have_so_many_lines_each() -> None:
    """Five events make two requests of two lines; the fifth fills none and is left out."""
    events = [Event(n, f"d{n}.example.com", Kind.DELIVERED) for n in range(5)]
    requests = bulk(events, 2)
    bodies = [request.partition(b"\r\n\r\n")[2] for request in requests]
    lines = [[json.loads(line) for line in body.splitlines()] for body in bodies]
    assert [[line["domain"] for line in each] for each in lines] == [
        ["d0.example.com", "d1.example.com"],
        ["d2.example.com", "d3.example.com"],
    ]
    assert lines[0][0]["event"] == "delivered"


def test_a_bulk_request_says_how_long_its_body_is() -> None:
    """The head's length is the body's."""
    (request,) = bulk([Event(0, "a.example.com", Kind.DELIVERED)], 1)
    head, _, body = request.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
