"""An ingest node without sockets or Kafka: bytes in, bytes out, and the stored events."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from ingest.admission import Admission
from ingest.handlers import Handlers
from ingest.hot_events import HotEvents
from ingest.metrics import IngestMetrics
from ingest.publisher import Publisher
from shared.auth.guard import Access
from shared.http.application import build_application
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.http.server import HttpLimits, Server, build_server
from shared.model.event import Event
from shared.model.partitioning import DEFAULT_BUCKETS
from tests.fakes.client_transport import exchange
from tests.fakes.topic import InMemoryTopic

PARTITIONS = 4
MAX_EVENTS = 5_000
MAX_BYTES = 32 * 1024 * 1024


class InMemoryNode:
    """The routes, limits and group commit of a node, on an event loop of its own."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        logged: list[Any],
        *,
        fast_lane: bool,
        access: Access | None,
    ) -> None:
        self.topic = InMemoryTopic(PARTITIONS)
        self.admission = Admission(MAX_EVENTS, MAX_BYTES)
        self.logged = logged
        self._before: Counter[str] = Counter()
        self.ended = False
        """Whether the node ended the connection of the latest exchange."""
        self._loop: Any = loop
        self.registry = CollectorRegistry()
        metrics = IngestMetrics(self.registry, self.admission)
        instrumentation = HttpInstrumentation(self.registry)
        self.publisher = publisher = Publisher(
            self.topic,
            metrics,
            buckets=DEFAULT_BUCKETS,
            max_batch_age_seconds=60.0,
            clock=loop.time,
        )
        handlers = Handlers(publisher, self.admission, metrics, body_seconds=60.0)
        hot = HotEvents(handlers, publisher, self.admission, instrumentation, access)
        self._build_server = partial(
            build_server,
            build_application(
                handlers.routes(), None if access is None else access.check, instrumentation
            ),
            HttpLimits(),
            instrumentation=instrumentation,
            hot=hot if fast_lane else None,
        )
        self._server: Server | None = None
        self._flushing = loop.create_task(publisher.run())

    def exchange(self, *sent: bytes, turns: Sequence[int] = ()) -> bytes:
        """Return the bytes received on a connection that sends *sent*; see ``exchange``."""
        received: bytes
        received, self.ended = self._loop.run_until_complete(self._exchange(sent, turns))
        return received

    async def _exchange(self, sent: Sequence[bytes], turns: Sequence[int]) -> tuple[bytes, bool]:
        if self._server is None:
            self._server = await self._build_server()
        return await exchange(self._server, sent, turns)

    def counts(self) -> Counter[str]:
        """Return by how much each sample that does not depend on time has grown since the reset."""
        return self._totals() - self._before

    def _totals(self) -> Counter[str]:
        totals: Counter[str] = Counter()
        for family in self.registry.collect():
            for sample in family.samples:
                if not sample.name.endswith(("_bucket", "_sum", "_created")):
                    totals[f"{sample.name} {sorted(sample.labels.items())}"] = int(sample.value)
        return totals

    def stored(self) -> list[Event]:
        """Return the events stored since the previous call."""
        events = self.topic.events()
        self.topic.stored.clear()
        self.topic.appends.clear()
        return events

    def reset(self) -> None:
        """Discard planned failures, stored events and log entries."""
        self.topic._errors.clear()
        self.stored()
        self.logged.clear()
        self._before = self._totals()

    def check_at_rest(self) -> None:
        """Assert that no event is in flight and that no error was logged."""
        assert (self.admission.events, self.admission.bytes) == (0, 0), "an event stays in flight"
        faults = [entry for entry in self.logged if entry["log_level"] == "error"]
        assert not faults, faults

    async def stop(self) -> None:
        """Stop the group commit."""
        self._flushing.cancel()
        await asyncio.wait({self._flushing})


@contextmanager
def open_node(
    *, fast_lane: bool = True, build_access: Callable[[], Access | None] = lambda: None
) -> Iterator[InMemoryNode]:
    """Open a node, which serves any number of exchanges."""
    with asyncio.Runner() as runner, capture_logs() as logged:
        loop = runner.get_loop()

        async def build() -> InMemoryNode:
            return InMemoryNode(loop, logged, fast_lane=fast_lane, access=build_access())

        node = runner.run(build())
        yield node
        runner.run(node.stop())
