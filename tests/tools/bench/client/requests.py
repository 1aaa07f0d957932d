"""Build the requests of a workload beforehand, so that sending them costs little. Pure."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from tests.tools.load.client.node import node_at
from tests.tools.load.streams.stream import Stream
from tests.tools.load.streams.waves_stream import WavesStream
from tests.tools.load.streams.wide_stream import WideStream

_NODE = node_at("http://bench")


class Workload(StrEnum):
    """What is sent."""

    PUT_WAVES = "put-waves"
    BULK_WAVES = "bulk-waves"
    BULK_WIDE = "bulk-wide"
    GET = "get"
    ASK = "ask"


def build_requests(
    workload: Workload, *, seed: int, events: int, domains: int, lines: int
) -> list[bytes]:
    """Return the requests of *workload*: *events* of them in all, or a GET for each domain.

    *domains* counts for all but waves, *lines* for bulk and for the names of a question.
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
            return [ask(names[start : start + lines]) for start in range(0, domains, lines)]


def puts(stream: Stream, events: int) -> list[bytes]:
    """Return a request for each of the next *events* of *stream*."""
    return [_NODE.put(stream.path(code)) for code in stream.take(events)]


def get(name: str) -> bytes:
    """Return the request that asks for domain *name*."""
    return f"GET /domains/{name} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


def ask(names: Sequence[str]) -> bytes:
    """Return the request that asks for all of *names*."""
    body = msgspec.json.encode({"domains": names})
    head = "POST /domains HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def bulk(stream: Stream, events: int, lines: int) -> list[bytes]:
    """Return requests of *lines* each; events that do not fill one are left out."""
    return [_NODE.post(stream.lines(stream.take(lines))) for _ in range(events // lines)]


def stored_names(domains: int) -> Sequence[str]:
    """Return the names that are stored before they are read."""
    return [f"stored-{number}.example.com" for number in range(domains)]
