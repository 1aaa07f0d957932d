"""Run a query node: ``python -m query``."""

from contextlib import AsyncExitStack

from query.changes.route import open_changes
from query.config import QueryConfig, read_config
from query.export.route import open_exports
from query.handlers import Handlers
from query.lookup.hot_lookups import HotLookups
from query.lookup.read_through_cache import open_cache
from query.metrics import QueryMetrics
from query.openapi import document
from query.page.route import build_page_routes
from query.pulse.route import open_pulse
from shared.cassandra.layout import read_buckets
from shared.cassandra.session import open_session
from shared.http.application import build_application
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.http.server import open_server
from shared.openapi.document import build_route
from shared.runtime.lifecycle import main, tune_garbage_collector
from shared.runtime.node import open_node


async def run(config: QueryConfig) -> None:
    """Open every resource, serve until a signal stops the node, close in reverse order."""
    settings = config.query
    documents = document.build(
        settings, config.changes, config.exports, keys=config.access.keys is not None
    )
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        node = await enter(
            open_node(
                "query",
                management=(settings.http_host, settings.management_port),
                checks=["cassandra"],
                tls=config.tls,
                tracing=config.tracing,
                access=config.access,
                documents=[build_route(documents.management)],
            )
        )
        metrics = QueryMetrics(node.registry)
        instrumentation = HttpInstrumentation(node.registry, node.spans)
        session = await enter(open_session(config.cassandra))
        buckets = await read_buckets(session, config.layout.buckets)
        answers = await enter(open_cache(session, buckets, settings, metrics))
        changes = await enter(open_changes(config, answers, node.registry))
        exports = await enter(open_exports(session, buckets, config, node.registry))
        pulse = await enter(open_pulse(config))
        application = build_application(
            [
                *Handlers(answers, metrics).routes(),
                changes.route(),
                *exports.routes(),
                *build_page_routes(answers.get),
                *pulse.routes(),
                build_route(documents.traffic),
            ],
            guard=node.guard,
            instrumentation=instrumentation,
        )
        address = settings.http_host, settings.http_port
        hot = HotLookups(answers, metrics, instrumentation, node.access)
        async with (
            node.probing(cassandra=session.probe),
            open_server(
                application,
                *address,
                settings.limits,
                tls=node.tls,
                instrumentation=instrumentation,
                hot=hot if settings.fast_lane else None,
            ),
        ):
            tune_garbage_collector()
            await node.stop.wait()
            changes.stop()
            exports.stop()


if __name__ == "__main__":
    main("query", read_config, run)
