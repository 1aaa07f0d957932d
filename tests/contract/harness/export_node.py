"""A query node that exports domains in memory, to real clients."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from query.config import ExportSettings
from query.export.classified import ClassifiedDomains
from query.export.metrics import ExportMetrics
from query.export.route import ExportHandlers
from query.export.summary import open_summary
from shared.http.application import build_application
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.http.server import HttpLimits, open_server
from shared.model.status import DEFAULT_THRESHOLD
from tests.fakes.clock import Clock
from tests.fakes.stored_domains import StoredDomains, open_scanner
from tests.servers.loopback import random_prefix

PORT = 20_081


@dataclass(frozen=True, slots=True)
class ExportNode:
    """A node, its handlers and its metrics."""

    host: str
    handlers: ExportHandlers
    registry: CollectorRegistry

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}:{PORT}"

    def metric(self, name: str, **labels: str) -> float:
        """Return the value of a metric."""
        return self.registry.get_sample_value(name, labels) or 0.0

    def defects(self) -> int:
        """Return the number of requests that were answered with a defect."""
        return sum(
            sample.labels["error_type"] == "internal_error"
            for family in self.registry.collect()
            for sample in family.samples
            if "error_type" in sample.labels
        )


@asynccontextmanager
async def open_export_node(
    stored: StoredDomains, buckets: int, clock: Clock | None = None, **settings: float
) -> AsyncIterator[ExportNode]:
    """Serve exports of *stored* on an unused address."""
    host, registry = f"{random_prefix()}.1", CollectorRegistry()
    metrics = ExportMetrics(registry)
    scanner = await open_scanner(stored, buckets, clock)
    domains = ClassifiedDomains(scanner, DEFAULT_THRESHOLD, metrics)
    async with open_summary(domains.count, 600.0) as summary:
        exports = ExportHandlers(
            domains,
            summary,
            ExportSettings.model_validate(settings),
            metrics,
            asyncio.get_running_loop().time,
        )
        app = build_application(exports.routes(), instrumentation=HttpInstrumentation(registry))
        async with open_server(app, host, PORT, HttpLimits(drain_seconds=5)):
            yield ExportNode(host, exports, registry)
            exports.stop()
