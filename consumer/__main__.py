"""Run a worker: ``python -m consumer``."""

import asyncio
import os
import random
import time
import uuid
from contextlib import AsyncExitStack

from consumer.bucket_reader import READS_IN_FLIGHT
from consumer.config import WorkerConfig, read_config
from consumer.counted_topics import remember_topic_id
from consumer.counter_store import CassandraCounterStore
from consumer.counting.pacing.write_limit import WriteLimit
from consumer.counting.rows.row_epoch import LONGEST_GAP_SECONDS, RowEpoch
from consumer.kafka.change_publisher import ChangeTopic
from consumer.kafka.dead_letters import DeadLetterTopic
from consumer.kafka.group_member import open_source
from consumer.metrics import WorkerMetrics
from consumer.upkeep import Upkeep
from consumer.worker import Worker
from consumer.worker_context import WorkerContext
from consumer.write_places import WritePlaces
from shared.cassandra.layout import read_buckets
from shared.cassandra.session import open_session
from shared.kafka.topic import open_topic
from shared.runtime.lifecycle import main, tune_garbage_collector
from shared.runtime.node import open_node


class WriterIds:
    """Identities for writer rows: version 1 UUIDs that no other process makes (RFC 9562)."""

    def __init__(self) -> None:
        noise = int.from_bytes(os.urandom(8))
        # The multicast bit marks a node that is not a hardware address.
        self._node = (noise & 0xFFFFFFFFFFFF) | 1 << 40
        self._clock_seq = noise >> 50

    @property
    def node(self) -> bytes:
        """The last 6 bytes of each, which name this process."""
        return self._node.to_bytes(6)

    def new(self) -> bytes:
        """Return another one; each contains the time when it was made."""
        return uuid.uuid1(self._node, self._clock_seq).bytes


async def run(config: WorkerConfig) -> None:
    """Open every resource, work until a signal stops the worker, close in reverse order."""
    settings = config.consumer
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        node = await enter(
            open_node(
                "worker",
                management=(settings.management_host, settings.management_port),
                checks=["kafka", "cassandra", "group", "partitions"],
                tls=config.tls,
                tracing=config.tracing,
            )
        )
        metrics = WorkerMetrics(node.registry)
        session = await enter(open_session(config.cassandra))
        buckets = await read_buckets(session, config.layout.buckets)
        store = await CassandraCounterStore.prepare(session)
        letters = await enter(open_topic(config.kafka, config.kafka.dead_letter_topic))
        changes = await enter(open_topic(config.kafka, config.kafka.changes_topic))
        source = await enter(open_source(config.kafka, settings))
        source.offsets.counted_topic = await remember_topic_id(
            session, config.kafka.topic, await source.offsets.wait_for_topic_id()
        )
        clock = asyncio.get_running_loop().time
        context = WorkerContext(
            store=store,
            dead_letters=DeadLetterTopic(letters),
            changes=ChangeTopic(changes, buckets),
            metrics=metrics,
            reads=asyncio.Semaphore(READS_IN_FLIGHT),
            writes=WritePlaces(
                WriteLimit(settings.writes_in_flight, settings.max_count_age_seconds)
            ),
            urgent_writes=asyncio.Semaphore(settings.writes_in_flight),
            clock=clock,
            wall_clock=time.time,
            epoch=RowEpoch(store.epoch, clock, LONGEST_GAP_SECONDS),
            end_offset=source.end_offset,
            spans=node.spans,
            key_window=settings.key_window,
        )
        upkeep = Upkeep(
            store, metrics, clock, time.time, random.random, settings.audit_interval_seconds
        )
        ids = WriterIds()
        rules = settings.rules(buckets, ids.node)
        worker = Worker(source, context, settings, config.kafka.topic, rules, ids.new, upkeep)
        source.subscribe(worker)
        async with node.probing(
            cassandra=session.probe,
            kafka=source.probe,
            group=source.wait_for_assignment,
            partitions=worker.require_reading,
        ):
            tune_garbage_collector()
            await worker.run(until=node.stop)


if __name__ == "__main__":
    main("consumer", read_config, run)
