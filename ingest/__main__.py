"""Run an ingest node: ``python -m ingest``."""

import asyncio
from contextlib import AsyncExitStack

from ingest import openapi
from ingest.admission import Admission
from ingest.config import IngestConfig, read_config
from ingest.handlers import Handlers, build_routes
from ingest.metrics import IngestMetrics
from ingest.processes import run_processes
from ingest.publisher import Publisher
from shared.auth.guard import build_access
from shared.errors import OutcomeUnknownError
from shared.http import server as http_server
from shared.http import tls as http_tls
from shared.http.management import Readiness, build_management, keep_probing, new_registry
from shared.http.watch import HttpWatch
from shared.kafka import topic as kafka
from shared.openapi.document import build_route
from shared.runtime import lifecycle
from shared.runtime.reloads import Reloads
from shared.telemetry.tracing import open_tracing


async def run(config: IngestConfig) -> None:
    """Serve, as one process or as many."""
    if config.ingest.processes > 1 and config.ingest.process is None:
        await run_processes(config.ingest)
    else:
        await serve(config)


async def serve(config: IngestConfig) -> None:
    """Open every resource, serve until told to stop, close in reverse order."""
    settings = config.ingest
    registry = new_registry()
    readiness = Readiness("kafka")
    admission = Admission(settings.max_in_flight_events, settings.max_in_flight_bytes)
    metrics = IngestMetrics(registry, admission)
    limits = http_server.HttpLimits(
        max_connections=settings.max_connections,
        idle_seconds=settings.idle_seconds,
        connection_seconds=settings.connection_seconds,
        drain_seconds=settings.drain_seconds,
    )
    access = build_access(config.access)
    guard = None if access is None else access.guard
    documents = openapi.build(settings, keys=access is not None)
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(lifecycle.stop_on_signals())
        tls = http_tls.build_tls(config.tls, registry)
        lifecycle.on_hangup(Reloads(registry, keys=access, certificate=tls))
        if settings.process is not None:
            lifecycle.stop_with_parent(stop)
        await stack.enter_async_context(
            http_server.open_server(
                build_management(readiness, registry, build_route(documents.management)),
                settings.http_host,
                settings.management_port + (settings.process or 0),
                tls=tls,
            )
        )
        spans = await stack.enter_async_context(open_tracing(config.tracing, "ingest"))
        watch = HttpWatch(registry, spans)
        topic = await stack.enter_async_context(kafka.open_topic(config.kafka, config.kafka.topic))
        metrics.partitions = topic.partitions
        metrics.producers_replaced = lambda: topic.producers_replaced
        publisher = Publisher(
            topic,
            metrics,
            max_batch_age_seconds=settings.max_batch_age_seconds,
            clock=asyncio.get_running_loop().time,
            spans=spans,
        )
        handlers = Handlers(publisher, admission, metrics, settings.body_seconds)
        async with asyncio.TaskGroup() as tasks:
            flushing = tasks.create_task(publisher.run(), name="publisher")
            probing = tasks.create_task(keep_probing(readiness["kafka"], topic.probe))
            # Left first: stop accepting, answer what is in hand. Only then the flushers end.
            async with http_server.open_server(
                build_routes(handlers, build_route(documents.traffic), guard=guard, watch=watch),
                settings.http_host,
                settings.http_port,
                limits,
                tls=tls,
                shared_port=settings.process is not None,
                watch=watch,
            ):
                lifecycle.settle_memory()
                await stop.wait()
                readiness.stopping = True
            drained = await publisher.drain(settings.drain_seconds)
            probing.cancel()
            flushing.cancel()
        if not drained:
            raise OutcomeUnknownError("stopped with events that Kafka had not answered")


if __name__ == "__main__":
    lifecycle.main("ingest", read_config, run)
