"""Run a query node: ``python -m query``."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from prometheus_client import CollectorRegistry

from query.answer import Answer, answer_of
from query.change_feed import ChangeFeed
from query.change_judge import Answers, Judge
from query.change_log import open_change_log
from query.change_memory import ChangeMemory
from query.change_resume import Resumer
from query.change_tail import open_tail
from query.changes import ChangesHandler
from query.config import QueryConfig, read_config
from query.counter_reader import CassandraCounterReader, CounterReader
from query.handlers import Handlers, build_routes
from query.metrics import ChangeMeters, QueryMeters
from shared import cassandra, http_server, lifecycle
from shared.change import Change
from shared.domain import DomainName
from shared.http import Route
from shared.management import Readiness, build_management, keep_probing


class _Uncached:
    """Answers that are read each time."""

    def __init__(self, reader: CounterReader, threshold: int) -> None:
        self._reader = reader
        self._threshold = threshold

    async def get(self, domain: DomainName) -> Answer:
        """See Answers."""
        return await self.fresh(domain)

    async def fresh(self, domain: DomainName) -> Answer:
        """See Answers."""
        return answer_of(domain, await self._reader.read(domain), self._threshold)

    def heard(self, change: Change) -> None:
        """See Answers."""


@asynccontextmanager
async def _open_changes(
    config: QueryConfig, answers: Answers, registry: CollectorRegistry
) -> AsyncIterator[tuple[ChangeFeed, ChangesHandler]]:
    """Follow the topic of changes, and yield the feed and who answers for it."""
    meters = ChangeMeters(registry)
    clock = asyncio.get_running_loop().time
    feed = ChangeFeed(config.changes, meters, clock)
    memory = ChangeMemory(config.changes.remembered_domains)
    judge = Judge(answers, config.query.threshold, memory, meters)
    open_log = partial(open_change_log, config.kafka)
    resumer = Resumer(feed, judge, open_log, meters, clock)
    async with open_tail(open_log, judge, feed, meters):
        yield feed, ChangesHandler(feed, resumer)


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
        feed, changes = await stack.enter_async_context(
            _open_changes(config, _Uncached(reader, settings.threshold), registry)
        )
        async with asyncio.TaskGroup() as tasks:
            probing = tasks.create_task(keep_probing(readiness["cassandra"], session.probe))
            async with http_server.open_server(
                build_routes(handlers, Route("GET", "/changes", changes.get_changes)),
                settings.http_host,
                settings.http_port,
                http_server.HttpLimits(drain_seconds=settings.drain_seconds),
            ):
                lifecycle.settle_memory()
                await stop.wait()
                readiness.stopping = True
                # Else the server would wait for streams, which have no end of their own.
                feed.stop()
            probing.cancel()


if __name__ == "__main__":
    lifecycle.main("query", read_config, run)
