"""A minimal collector of spans: OTLP over HTTP, on loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Told:
    """One span, and the service that sent it."""

    service: str
    name: str
    trace: str
    span: str
    parent: str


@dataclass(slots=True)
class Collector:
    """The spans received so far at ``url``."""

    url: str
    spans: list[Told] = field(default_factory=list)

    async def take(self, request: web.BaseRequest) -> web.StreamResponse:
        """Receive spans from an exporter."""
        sent = ExportTraceServiceRequest.FromString(await request.read())
        for resource in sent.resource_spans:
            attributes = {
                each.key: each.value.string_value for each in resource.resource.attributes
            }
            for scope in resource.scope_spans:
                self.spans.extend(
                    Told(
                        attributes["service.name"],
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                    )
                    for span in scope.spans
                )
        return web.Response(content_type="application/x-protobuf")


@asynccontextmanager
async def open_collector(host: str, port: int) -> AsyncIterator[Collector]:
    """Listen while the context is open."""
    collector = Collector(f"http://{host}:{port}/v1/traces")
    runner = web.ServerRunner(web.Server(collector.take))
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield collector
    finally:
        await runner.cleanup()
