"""A query node answers from memory in the fast lane, and the same without it."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

import pytest
from prometheus_client import CollectorRegistry

from query.handlers import Handlers
from query.lookup.hot_lookups import HotLookups
from query.lookup.read_through_cache import CacheLimits, ReadThroughCache
from query.metrics import QueryMetrics
from shared.http.application import build_application
from shared.http.fast_lane import Head
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.http.observability.metrics import RouteMetrics
from shared.http.prebuilt_response import PrebuiltResponse
from shared.http.server import HttpLimits, build_server
from shared.model.counter import Counters
from tests.fakes.client_transport import exchange
from tests.fakes.clock import Clock
from tests.fakes.counter_reader import InMemoryCounterReader

COUNTERS = {"all.example": Counters(1001, 0), "not.example": Counters(5000, 1)}
DATE = re.compile(rb"\r\nDate: [^\r]*")
ETAG = re.compile(rb'\r\nETag: ("[^"]+")')


class Node:
    """A query node over counters in memory, with or without the lane."""

    def __init__(self, *, fast_lane: bool, gather_seconds: float = 60.0) -> None:
        self.registry = CollectorRegistry()
        self.reader = InMemoryCounterReader(COUNTERS)
        self.clock = Clock()
        metrics = QueryMetrics(self.registry)
        # By default nothing is read behind an answer: when, is a matter of real time.
        limits = CacheLimits(gather_seconds=gather_seconds)
        cache = ReadThroughCache(self.reader, 1000, self.clock, metrics, limits)
        instrumentation = HttpInstrumentation(self.registry)
        self.hot = HotLookups(cache, metrics, instrumentation, None)
        self._application = build_application(
            Handlers(cache, metrics).routes(), instrumentation=instrumentation
        )
        self._instrumentation = instrumentation
        self._fast_lane = fast_lane
        self.taken = 0

    line: ClassVar[bytes] = HotLookups.line
    fields: ClassVar[Mapping[str, bytes]] = HotLookups.fields

    def route_of(self, head: Head) -> RouteMetrics:
        """See HotRequests."""
        return self.hot.route_of(head)

    def accept(self, head: Head) -> PrebuiltResponse | None:
        """Count the requests that the lane takes."""
        answer = self.hot.accept(head)
        self.taken += answer is not None
        return answer

    async def get(self, domain: str, *lines: str) -> bytes:
        """Return the answer to one request, without its date."""
        request = [f"GET /domains/{domain} HTTP/1.1", "Host: h", *lines, "", ""]
        server = await build_server(
            self._application,
            HttpLimits(),
            instrumentation=self._instrumentation,
            hot=self if self._fast_lane else None,
        )
        received, _ = await exchange(server, ["\r\n".join(request).encode()])
        return DATE.sub(b"", received)

    def counts(self) -> dict[str, float]:
        """Return the counts of answers and requests."""
        return {
            f"{sample.name} {sorted(sample.labels.items())}": sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name.endswith(("_total", "_count"))
        }


async def conversation(node: Node) -> Sequence[bytes]:
    """Return the answers of *node* to requests for a domain of each kind."""
    answers = []
    for domain in ("all.example", "not.example"):
        for _ in range(3):  # a read, a response that is stored, and one from memory
            node.clock.now += 0.1
            answers.append(await node.get(domain))
        found = ETAG.search(answers[-1])
        assert found is not None
        tag = found[1].decode()
        for condition in (tag, f"W/{tag}", '"other"', "*", f'"a", {tag}', f'"a"{tag}'):
            answers.append(await node.get(domain, f"If-None-Match: {condition}"))  # noqa: PERF401
        answers.append(await node.get(domain.upper()))
        node.clock.now += 2.0
        answers.append(await node.get(domain))
    return answers


async def test_the_answers_are_the_same_without_the_lane() -> None:
    """To the byte, dates apart, with 304 for a client that has the answer; so are the counts."""
    fast, slow = Node(fast_lane=True), Node(fast_lane=False)
    assert await conversation(fast) == await conversation(slow)
    assert fast.counts() == slow.counts()
    assert fast.reader.reads == slow.reader.reads
    assert slow.taken == 0 < fast.taken


@pytest.mark.parametrize(
    ("domain", "after_seconds", "taken"),
    [
        ("all.example", 0.5, 1),
        ("all.example", 0.9, 1),
        ("all.example", 2.0, 0),
        ("not.example", 0.9, 1),
        ("not.example", 2.0, 1),
        ("unseen.example", 0.5, 1),
    ],
)
async def test_the_lane_takes_what_waits_for_no_read(
    domain: str, after_seconds: float, taken: int
) -> None:
    """A final answer, or a fresh one, from the third request on."""
    node = Node(fast_lane=True)
    began = node.clock.now
    for seconds in (0.0, 0.1, after_seconds):
        assert node.taken == 0
        node.clock.now = began + seconds
        await node.get(domain)
    assert node.taken == taken


@pytest.mark.parametrize(("domain", "after_seconds"), [("all.example", 0.9), ("not.example", 2.0)])
async def test_a_read_that_is_due_follows_the_answer(domain: str, after_seconds: float) -> None:
    """And the lane answers on, with the same response, if it brings no other counts."""
    node = Node(fast_lane=True, gather_seconds=0.0)
    began = node.clock.now
    for seconds, taken, reads in (
        *((0.0, 0, 1), (0.1, 0, 1)),
        *((after_seconds, 1, 2), (after_seconds + 0.5, 2, 2)),
    ):
        node.clock.now = began + seconds
        await node.get(domain)
        await asyncio.sleep(0.01)
        assert (node.taken, len(node.reader.reads)) == (taken, reads)
