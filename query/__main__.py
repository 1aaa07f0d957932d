"""Run a query node: ``python -m query``."""

import asyncio
from contextlib import AsyncExitStack

from query.changes.route import open_changes
from query.config import QueryConfig, read_config
from query.handlers import Handlers, build_routes
from query.lookup.read_through_cache import open_cache
from query.metrics import QueryMetrics
from query.openapi import document
from query.page.route import build_page_routes
from query.pulse.collector import PulseCollector, build_pulse_routes
from query.pulse.sources import open_event_topic, open_management_ports
from shared.auth.guard import build_access
from shared.cassandra import session as cassandra
from shared.http import server as http_server
from shared.http import tls as http_tls
from shared.http.management import Readiness, build_management, keep_probing, new_registry
from shared.http.watch import HttpWatch
from shared.openapi.document import build_route
from shared.runtime import lifecycle
from shared.runtime.reloads import Reloads
from shared.telemetry.tracing import open_tracing


async def run(config: QueryConfig) -> None:
    """Open every resource, serve until told to stop, close in reverse order."""
    settings = config.query
    registry = new_registry()
    metrics = QueryMetrics(registry)
    readiness = Readiness("cassandra")
    access = build_access(config.access)
    guard = None if access is None else access.guard
    documents = document.build(settings, config.changes, keys=access is not None)
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(lifecycle.stop_on_signals())
        tls = http_tls.build_tls(config.tls, registry)
        lifecycle.on_hangup(Reloads(registry, keys=access, certificate=tls))
        await stack.enter_async_context(
            http_server.open_server(
                build_management(readiness, registry, build_route(documents.management)),
                settings.http_host,
                settings.management_port,
                tls=tls,
            )
        )
        spans = await stack.enter_async_context(open_tracing(config.tracing, "query"))
        watch = HttpWatch(registry, spans)
        session = await stack.enter_async_context(cassandra.open_session(config.cassandra))
        answers = await stack.enter_async_context(open_cache(session, settings, metrics))
        changes = await stack.enter_async_context(open_changes(config, answers, registry))
        pulse = PulseCollector(
            settings.pulse_addresses,
            await stack.enter_async_context(open_management_ports(config.tls.ca_file)),
            await stack.enter_async_context(open_event_topic(config.kafka, settings.pulse_group)),
        )
        routes = build_routes(
            Handlers(answers, metrics),
            changes.route(),
            *build_page_routes(answers.get),
            *build_pulse_routes(pulse),
            build_route(documents.traffic),
            guard=guard,
            watch=watch,
        )
        async with asyncio.TaskGroup() as tasks:
            probing = tasks.create_task(keep_probing(readiness["cassandra"], session.probe))
            async with http_server.open_server(
                routes,
                settings.http_host,
                settings.http_port,
                http_server.HttpLimits(drain_seconds=settings.drain_seconds),
                tls=tls,
                watch=watch,
            ):
                lifecycle.settle_memory()
                await stop.wait()
                readiness.stopping = True
                changes.stop()
            probing.cancel()


if __name__ == "__main__":
    lifecycle.main("query", read_config, run)
