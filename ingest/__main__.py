"""Run an ingest node: ``python -m ingest``."""

import asyncio

from ingest.admission import Admission
from ingest.config import IngestConfig, read_config
from ingest.handlers import Handlers
from ingest.hot_events import HotEvents
from ingest.metrics import IngestMetrics, TopicMetrics
from ingest.openapi import document
from ingest.processes import run_processes
from ingest.publisher import Publisher
from ingest.webhooks.handler import open_webhooks
from shared.errors import OutcomeUnknownError
from shared.http.application import build_application
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.http.server import open_server
from shared.kafka.topic import open_topic
from shared.openapi.document import Documents, build_route
from shared.runtime.lifecycle import main, tune_garbage_collector
from shared.runtime.node import Node, open_node


async def run(config: IngestConfig) -> None:
    """Serve with one process or with several."""
    settings = config.ingest
    if settings.processes > 1 and settings.process is None:
        await run_processes(settings)
        return
    documents = document.build(settings, keys=config.access.keys is not None)
    async with open_node(
        "ingest",
        management=(settings.http_host, settings.management_port + (settings.process or 0)),
        checks=["kafka"],
        tls=config.tls,
        tracing=config.tracing,
        access=config.access,
        documents=[build_route(documents.management)],
        child=settings.process is not None,
    ) as node:
        await serve(config, node, documents)


async def serve(config: IngestConfig, node: Node, documents: Documents) -> None:
    """Publish events until a signal stops the node."""
    settings = config.ingest
    admission = Admission(settings.max_in_flight_events, settings.max_in_flight_bytes)
    metrics = IngestMetrics(node.registry, admission)
    instrumentation = HttpInstrumentation(node.registry, node.spans)
    async with open_topic(config.kafka, config.kafka.topic) as topic:
        TopicMetrics(node.registry, topic)
        publisher = Publisher(
            topic,
            metrics,
            buckets=config.layout.buckets,
            max_batch_age_seconds=settings.max_batch_age_seconds,
            clock=asyncio.get_running_loop().time,
            spans=node.spans,
        )
        handlers = Handlers(publisher, admission, metrics, settings.body_seconds)
        hot = HotEvents(handlers, publisher, admission, instrumentation, node.access)
        async with (
            open_webhooks(config.webhooks, settings, publisher, admission, metrics) as webhooks,
            node.probing(kafka=topic.probe),
            asyncio.TaskGroup() as tasks,
        ):
            flushing = tasks.create_task(publisher.run(), name="publisher")
            # Left first: stop accepting, answer the requests in flight. Then the flushers end.
            async with open_server(
                build_application(
                    [*handlers.routes(), webhooks.route(), build_route(documents.traffic)],
                    guard=node.guard,
                    instrumentation=instrumentation,
                ),
                settings.http_host,
                settings.http_port,
                settings.limits,
                tls=node.tls,
                shared_port=settings.process is not None,
                instrumentation=instrumentation,
                hot=hot if settings.fast_lane else None,
            ):
                tune_garbage_collector()
                await node.stop.wait()
            drained = await publisher.drain(settings.drain_seconds)
            flushing.cancel()
        if not drained:
            raise OutcomeUnknownError("stopped with events that Kafka had not answered")


if __name__ == "__main__":
    main("ingest", read_config, run)
