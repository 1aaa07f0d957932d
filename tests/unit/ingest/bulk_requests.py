"""Lines of bulk requests, and what they are parsed to."""

import json

from ingest.bulk import BulkRequest, open_body
from shared.model.domain import DomainName
from shared.model.event import Event
from shared.model.record import decode_events

GOOD = b'{"domain": "a.example", "event": "delivered"}'
A = DomainName("a.example")


def parse(body: bytes, *, is_array: bool = False) -> BulkRequest:
    """Return the parsed *body*."""
    bulk = BulkRequest()
    for _ in bulk.parse(open_body(body, is_array=is_array)):
        pass
    return bulk


def events_of(bulk: BulkRequest) -> list[Event]:
    """Return the summed events of a request."""
    records, _ = bulk.sums.encode_records({})
    return [event for record in records for event in decode_events(*record)]


def lines_of(bulk: BulkRequest) -> list[int]:
    """Return the numbers of the good lines."""
    return bulk.lines_of({0}, lambda _: 0)


def line(**fields: object) -> bytes:
    """Return a valid line with *fields* replaced."""
    return json.dumps({"domain": "a.example", "event": "delivered", **fields}).encode()
