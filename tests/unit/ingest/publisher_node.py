"""A publisher over a topic in memory, with a clock that a test sets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from prometheus_client import CollectorRegistry

from ingest.admission import Admission
from ingest.metrics import IngestMetrics
from ingest.publisher import Publisher
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.partitioning import DEFAULT_BUCKETS
from shared.model.record import decode_events
from shared.telemetry.spans import Spans
from tests.fakes.topic import InMemoryTopic

A = Event(DomainName("a.example"), EventKind.DELIVERED)
B = Event(DomainName("b.example"), EventKind.DELIVERED)
BOUNCED = Event(DomainName("a.example"), EventKind.BOUNCED)


class Node:
    """A publisher with its dependencies, and a clock that a test sets."""

    def __init__(self, partitions: int, spans: Spans | None = None) -> None:
        self.topic = InMemoryTopic(partitions)
        self.now = 100.0
        self.publisher = Publisher(
            self.topic,
            IngestMetrics(CollectorRegistry(), Admission(1, 1)),
            buckets=DEFAULT_BUCKETS,
            max_batch_age_seconds=2.0,
            clock=lambda: self.now,
            spans=spans,
        )
        self.publish = self.publisher.publish

    def sent(self) -> list[list[Event]]:
        """Return the events of each batch, in the order of the batches."""
        return [
            [event for record in records for event in decode_events(*record)]
            for _, records in self.topic.appends
        ]


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks run until *condition* is true."""
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("nothing more happens")


@asynccontextmanager
async def open_node(partitions: int = 1, spans: Spans | None = None) -> AsyncIterator[Node]:
    """Run a node's publisher during the test."""
    node = Node(partitions, spans)
    running = asyncio.create_task(node.publisher.run())
    try:
        yield node
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
