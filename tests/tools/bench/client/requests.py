"""Build the requests of a workload beforehand, so that sending them is cheap. Pure."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from tests.tools.load.client.node import node_at
from tests.tools.load.streams.stream import Stream
from tests.tools.load.streams.waves_stream import WavesStream
from tests.tools.load.streams.wide_stream import WideStream

_NODE = node_at("http://bench")


class Workload(StrEnum):
    """The kind of the requests."""

    PUT_WAVES = "put-waves"
    BULK_WAVES = "bulk-waves"
    BULK_WIDE = "bulk-wide"
    GET = "get"
    ASK = "ask"


def build_requests(
    workload: Workload, *, seed: int, events: int, domains: int, lines: int
) -> list[bytes]:
    """Return the requests of *workload*: *events* in all, or a GET for each domain.

    *domains* applies to all but waves, *lines* to bulk requests and to the names of a POST.
    """
    match workload:
        case Workload.PUT_WAVES:
            return puts(WavesStream(seed), events)
        case Workload.BULK_WAVES:
            return bulk(WavesStream(seed), events, lines)
        case Workload.BULK_WIDE:
            return bulk(WideStream(seed, domains), events, lines)
        case Workload.GET:
            return [get(name) for name in stored_names(domains)]
        case Workload.ASK:
            names = stored_names(domains)
            return [get_many(names[start : start + lines]) for start in range(0, domains, lines)]


def puts(stream: Stream, events: int) -> list[bytes]:
    """Return a request for each of the next *events* of *stream*."""
    return [_NODE.put(stream.path(code)) for code in stream.take(events)]


def get(name: str) -> bytes:
    """Return the request for the status of domain *name*."""
    return f"GET /domains/{name} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


def get_many(names: Sequence[str]) -> bytes:
    """Return the request for the status of all *names*."""
    body = msgspec.json.encode({"domains": names})
    head = "POST /domains HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def bulk(stream: Stream, events: int, lines: int) -> list[bytes]:
    """Return requests of *lines* each; an incomplete last one is left out."""
    return [_NODE.post(stream.lines(stream.take(lines))) for _ in range(events // lines)]


def stored_names(domains: int) -> Sequence[str]:
    """Return the names of the domains that are written before they are read."""
    return [f"stored-{number}.example.com" for number in range(domains)]
