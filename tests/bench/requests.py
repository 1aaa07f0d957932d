"""Build the requests of a workload beforehand, so that sending them costs little. Pure."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import islice

from tests.load.event import Event
from tests.load.waves import Waves
from tests.load.wide import Wide


class Workload(StrEnum):
    """What is sent."""

    PUT_WAVES = "put-waves"
    BULK_WAVES = "bulk-waves"
    BULK_WIDE = "bulk-wide"
    GET = "get"


def build_requests(
    workload: Workload, *, seed: int, events: int, domains: int, lines: int
) -> list[bytes]:
    """Return the requests of *workload*: *events* of them in all, or a GET for each domain.

    *domains* counts for all but waves, *lines* for bulk.
    """
    match workload:
        case Workload.PUT_WAVES:
            return [put(event) for event in islice(Waves(seed).events(), events)]
        case Workload.BULK_WAVES:
            return bulk(islice(Waves(seed).events(), events), lines)
        case Workload.BULK_WIDE:
            return bulk(islice(Wide(seed, domains).events(), events), lines)
        case Workload.GET:
            return [get(name) for name in stored_names(domains)]


def put(event: Event) -> bytes:
    """Return the request that reports *event*."""
    return f"PUT /events/{event.name}/{event.kind} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


def get(name: str) -> bytes:
    """Return the request that asks for domain *name*."""
    return f"GET /domains/{name} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


def bulk(events: Iterable[Event], lines: int) -> list[bytes]:
    """Return requests that report *events*, *lines* each; what does not fill one is left out."""
    texts = (f'{{"domain":"{name}","event":"{kind}"}}\n' for _, name, kind in events)
    requests = []
    while len(chunk := list(islice(texts, lines))) == lines:
        requests.append(_post("".join(chunk).encode()))
    return requests


def stored_names(domains: int) -> Sequence[str]:
    """Return the names that are stored before they are read."""
    return [f"stored-{number}.example.com" for number in range(domains)]


def _post(body: bytes) -> bytes:
    head = (
        "POST /events HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-ndjson\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
