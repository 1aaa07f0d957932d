"""Run a worker: ``python -m consumer``."""

import asyncio
import os
import random
import time
import uuid
from contextlib import AsyncExitStack

from consumer.config import WorkerConfig, read_config
from consumer.counter_store import CassandraCounterStore
from consumer.counting.row_epoch import LONGEST_GAP_SECONDS, RowEpoch
from consumer.kafka.change_publisher import ChangeTopic
from consumer.kafka.dead_letters import DeadLetterTopic
from consumer.kafka.record_source import open_source
from consumer.metrics import WorkerMetrics
from consumer.partition import WorkerContext
from consumer.upkeep import Upkeep
from consumer.worker import Worker
from shared.cassandra import session as cassandra
from shared.http import server as http_server
from shared.http import tls as http_tls
from shared.http.management import Readiness, build_management, keep_probing, new_registry
from shared.kafka import topic as kafka
from shared.runtime import lifecycle
from shared.runtime.reloads import Reloads
from shared.telemetry.tracing import open_tracing


def new_writer() -> uuid.UUID:
    """Return a version 1 UUID that no process on any host has made or will make (RFC 9562)."""
    noise = int.from_bytes(os.urandom(8), "big")
    # The multicast bit marks a node that is no hardware address.
    return uuid.uuid1(node=(noise & 0xFFFFFFFFFFFF) | 1 << 40, clock_seq=noise >> 50)


async def run(config: WorkerConfig) -> None:
    """Open every resource, work until told to stop, close in reverse order."""
    settings = config.consumer
    registry = new_registry()
    readiness = Readiness("kafka", "cassandra")
    metrics = WorkerMetrics(registry)
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(lifecycle.stop_on_signals())
        tls = http_tls.build_tls(config.tls, registry)
        lifecycle.on_hangup(Reloads(registry, certificate=tls))
        await stack.enter_async_context(
            http_server.open_server(
                build_management(readiness, registry),
                settings.management_host,
                settings.management_port,
                tls=tls,
            )
        )
        spans = await stack.enter_async_context(open_tracing(config.tracing, "worker"))
        session = await stack.enter_async_context(cassandra.open_session(config.cassandra))
        store = await CassandraCounterStore.prepare(session)
        letters = await stack.enter_async_context(
            kafka.open_topic(config.kafka, config.kafka.dead_letter_topic)
        )
        changes = await stack.enter_async_context(
            kafka.open_topic(config.kafka, config.kafka.changes_topic)
        )
        source = await stack.enter_async_context(open_source(config.kafka, settings))
        clock = asyncio.get_running_loop().time
        context = WorkerContext(
            store=store,
            dead_letters=DeadLetterTopic(letters),
            changes=ChangeTopic(changes),
            metrics=metrics,
            reads=asyncio.Semaphore(settings.reads_in_flight),
            writes=asyncio.Semaphore(settings.writes_in_flight),
            clock=clock,
            wall_clock=time.time,
            epoch=RowEpoch(store.epoch, clock, LONGEST_GAP_SECONDS),
            end_offset=source.end_offset,
            spans=spans,
        )
        upkeep = Upkeep(store, metrics, clock, random.random, settings.audit_interval_seconds)
        worker = Worker(source, context, settings, config.kafka.topic, new_writer, upkeep)
        source.subscribe(worker)
        async with asyncio.TaskGroup() as tasks:
            probes = [
                tasks.create_task(keep_probing(readiness["cassandra"], session.probe)),
                tasks.create_task(keep_probing(readiness["kafka"], source.probe)),
            ]
            lifecycle.settle_memory()
            await worker.run(until=stop)
            for probe in probes:
                probe.cancel()


if __name__ == "__main__":
    lifecycle.main("consumer", read_config, run)
