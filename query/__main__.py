"""Run a query node: ``python -m query``."""

import asyncio
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from query import openapi
from query.config import QueryConfig, read_config
from query.counter_reader import CassandraCounterReader
from query.handlers import Handlers, build_routes
from query.metrics import QueryMeters
from shared import cassandra, http_server, lifecycle
from shared.management import Readiness, build_management, keep_probing
from shared.openapi import build_route


async def run(config: QueryConfig) -> None:
    """Open every resource, serve until told to stop, close in reverse order."""
    settings = config.query
    registry = CollectorRegistry()
    readiness = Readiness("cassandra")
    documents = openapi.build(settings)
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(lifecycle.stop_on_signals())
        await stack.enter_async_context(
            http_server.open_server(
                build_management(readiness, registry, build_route(documents.management)),
                settings.http_host,
                settings.management_port,
            )
        )
        session = await stack.enter_async_context(cassandra.open_session(config.cassandra))
        reader = await CassandraCounterReader.prepare(
            session, settings.reads_in_flight, settings.max_waiting_reads
        )
        handlers = Handlers(reader, settings.threshold, QueryMeters(registry))
        async with asyncio.TaskGroup() as tasks:
            probing = tasks.create_task(keep_probing(readiness["cassandra"], session.probe))
            async with http_server.open_server(
                build_routes(handlers, build_route(documents.traffic)),
                settings.http_host,
                settings.http_port,
                http_server.HttpLimits(drain_seconds=settings.drain_seconds),
            ):
                lifecycle.settle_memory()
                await stop.wait()
                readiness.stopping = True
            probing.cancel()


if __name__ == "__main__":
    lifecycle.main("query", read_config, run)
