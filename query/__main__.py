"""Run a query node: ``python -m query``."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from prometheus_client import CollectorRegistry

from query.answers import Answers, CacheBounds
from query.config import QueryConfig, QuerySettings, read_config
from query.counter_reader import CassandraCounterReader, ReadBounds
from query.handlers import Handlers, build_routes
from query.metrics import QueryMeters
from shared import cassandra, http_server, lifecycle
from shared.cassandra import Session
from shared.management import Readiness, build_management, keep_probing


@asynccontextmanager
async def open_answers(
    session: Session, settings: QuerySettings, meters: QueryMeters
) -> AsyncIterator[Answers]:
    """Open the answers that are read by *session*; single and bulk requests have reads apart."""
    clock = asyncio.get_running_loop().time
    single = ReadBounds(
        at_once=settings.reads_at_once,
        in_flight=settings.reads_in_flight,
        waiting=settings.max_waiting_reads,
        wait_seconds=settings.max_wait_seconds,
    )
    bulk = replace(
        single, waiting=settings.max_bulk_reads, wait_seconds=settings.max_bulk_wait_seconds
    )
    answers = Answers(
        await CassandraCounterReader.prepare(session, single, clock),
        settings.threshold,
        clock,
        meters,
        CacheBounds(
            fresh_seconds=settings.fresh_seconds,
            max_final_domains=settings.max_final_domains,
            max_other_domains=settings.max_other_domains,
        ),
        bulk_reader=await CassandraCounterReader.prepare(session, bulk, clock),
    )
    try:
        yield answers
    finally:
        await answers.close()


async def run(config: QueryConfig) -> None:
    """Open every resource, serve until told to stop, close in reverse order."""
    settings = config.query
    registry = CollectorRegistry()
    meters = QueryMeters(registry)
    readiness = Readiness("cassandra")
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(lifecycle.stop_on_signals())
        await stack.enter_async_context(
            http_server.open_server(
                build_management(readiness, registry),
                settings.http_host,
                settings.management_port,
            )
        )
        session = await stack.enter_async_context(cassandra.open_session(config.cassandra))
        answers = await stack.enter_async_context(open_answers(session, settings, meters))
        handlers = Handlers(answers, meters)
        async with asyncio.TaskGroup() as tasks:
            probing = tasks.create_task(keep_probing(readiness["cassandra"], session.probe))
            async with http_server.open_server(
                build_routes(handlers),
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
