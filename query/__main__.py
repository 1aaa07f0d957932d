"""Run a query node: ``python -m query``."""

import asyncio
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from query.answer import Answer, answer_of
from query.config import QueryConfig, read_config
from query.counter_reader import CassandraCounterReader
from query.handlers import Handlers, build_routes
from query.metrics import QueryMeters
from query.page import build_page_routes
from query.pulse import PulseCollector, build_pulse_routes
from query.pulse_sources import open_kafka_log, open_management_ports
from shared import cassandra, http_server, lifecycle
from shared.domain import DomainName
from shared.management import Readiness, build_management, keep_probing


async def run(config: QueryConfig) -> None:
    """Open every resource, serve until told to stop, close in reverse order."""
    settings = config.query
    registry = CollectorRegistry()
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
        reader = await CassandraCounterReader.prepare(
            session, settings.reads_in_flight, settings.max_waiting_reads
        )
        handlers = Handlers(reader, settings.threshold, QueryMeters(registry))

        async def look_up(domain: DomainName) -> Answer:
            return answer_of(domain, await reader.read(domain), settings.threshold)

        pulse = PulseCollector(
            settings.pulse_addresses,
            await stack.enter_async_context(open_management_ports()),
            await stack.enter_async_context(open_kafka_log(config.kafka, settings.pulse_group)),
        )
        async with asyncio.TaskGroup() as tasks:
            probing = tasks.create_task(keep_probing(readiness["cassandra"], session.probe))
            async with http_server.open_server(
                build_routes(handlers, *build_page_routes(look_up), *build_pulse_routes(pulse)),
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
