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
from shared.cassandra.session import open_session
from shared.kafka.topic import open_topic
from shared.runtime.lifecycle import main, tune_garbage_collector
from shared.runtime.node import open_node


def new_writer() -> uuid.UUID:
    """Return a version 1 UUID that no process on any host has made or will make (RFC 9562)."""
    noise = int.from_bytes(os.urandom(8), "big")
    # The multicast bit marks a node that is not a hardware address.
    return uuid.uuid1(node=(noise & 0xFFFFFFFFFFFF) | 1 << 40, clock_seq=noise >> 50)


async def run(config: WorkerConfig) -> None:
    """Open every resource, work until a signal stops the worker, close in reverse order."""
    settings = config.consumer
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        node = await enter(
            open_node(
                "worker",
                management=(settings.management_host, settings.management_port),
                checks=["kafka", "cassandra"],
                tls=config.tls,
                tracing=config.tracing,
            )
        )
        metrics = WorkerMetrics(node.registry)
        session = await enter(open_session(config.cassandra))
        store = await CassandraCounterStore.prepare(session)
        letters = await enter(open_topic(config.kafka, config.kafka.dead_letter_topic))
        changes = await enter(open_topic(config.kafka, config.kafka.changes_topic))
        source = await enter(open_source(config.kafka, settings))
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
            spans=node.spans,
        )
        upkeep = Upkeep(store, metrics, clock, random.random, settings.audit_interval_seconds)
        worker = Worker(source, context, settings, config.kafka.topic, new_writer, upkeep)
        source.subscribe(worker)
        async with node.probing(cassandra=session.probe, kafka=source.probe):
            tune_garbage_collector()
            await worker.run(until=node.stop)


if __name__ == "__main__":
    main("consumer", read_config, run)
