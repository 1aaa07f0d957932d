"""Run an ingest node: ``python -m ingest``."""

import asyncio
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from ingest.admission import Admission
from ingest.config import IngestConfig, read_config
from ingest.handlers import Handlers, build_routes
from ingest.metrics import IngestMeters
from ingest.publisher import Publisher
from shared import http, kafka, lifecycle
from shared.errors import OutcomeUnknownError
from shared.management import Readiness, build_management, keep_probing


async def run(config: IngestConfig) -> None:
    """Open every resource, serve until told to stop, close in reverse order."""
    settings = config.ingest
    registry = CollectorRegistry()
    readiness = Readiness("kafka")
    admission = Admission(settings.max_in_flight_events, settings.max_in_flight_bytes)
    meters = IngestMeters(registry, admission)
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(lifecycle.stop_on_signals())
        await stack.enter_async_context(
            http.open_server(
                build_management(readiness, registry),
                settings.http_host,
                settings.management_port,
            )
        )
        topic = await stack.enter_async_context(kafka.open_topic(config.kafka, config.kafka.topic))
        publisher = Publisher(
            topic,
            admission,
            meters,
            max_batch_age_seconds=settings.max_batch_age_seconds,
            clock=asyncio.get_running_loop().time,
        )
        async with asyncio.TaskGroup() as tasks:
            flushing = tasks.create_task(publisher.run(), name="publisher")
            probing = tasks.create_task(keep_probing(readiness["kafka"], topic.probe))
            # Left first: stop accepting, answer what is in hand. Only then the flushers end.
            async with http.open_server(
                build_routes(Handlers(publisher, meters)),
                settings.http_host,
                settings.http_port,
                settings.drain_seconds,
            ):
                await stop.wait()
                readiness.stopping = True
            drained = await publisher.drain(settings.drain_seconds)
            probing.cancel()
            flushing.cancel()
        if not drained:
            raise OutcomeUnknownError("stopped with events that Kafka had not answered")


if __name__ == "__main__":
    lifecycle.main("ingest", read_config, run)
