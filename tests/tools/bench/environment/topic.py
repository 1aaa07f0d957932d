"""Fill a topic with records of one event each, fast."""

import asyncio
from collections.abc import Iterable

from shared.config import KafkaConfig
from shared.kafka.topic import Topic, open_topic
from shared.model.domain import parse_domain
from shared.model.event import Event, EventKind
from shared.model.partitioning import partition_of
from shared.model.record import KeyValue, encode_event
from tests.tools.load.streams.event import Event as LoadEvent
from tests.tools.load.streams.event import Kind

BATCH_RECORDS = 5_000
HELD_RECORDS = 60_000


async def fill(bootstrap_servers: str, topic: str, events: Iterable[LoadEvent]) -> None:
    """Append a record for each of *events* to its domain's partition, in order."""
    config = KafkaConfig(bootstrap_servers=bootstrap_servers, topic=topic)
    async with open_topic(config, topic) as log:
        waiting: list[list[KeyValue]] = [[] for _ in range(log.partitions)]
        held = 0
        for event in events:
            domain = parse_domain(event.name)
            kind = EventKind.BOUNCED if event.kind is Kind.BOUNCED else EventKind.DELIVERED
            waiting[partition_of(domain, log.partitions)].append(encode_event(Event(domain, kind)))
            held += 1
            if held == HELD_RECORDS:
                await _append(log, waiting)
                held = 0
        await _append(log, waiting)


async def _append(log: Topic, waiting: list[list[KeyValue]]) -> None:
    """Append all waiting records."""

    async def append(partition: int, records: list[KeyValue]) -> None:
        for start in range(0, len(records), BATCH_RECORDS):
            await log.append(partition, records[start : start + BATCH_RECORDS])

    async with asyncio.TaskGroup() as tasks:
        for partition, records in enumerate(waiting):
            tasks.create_task(append(partition, records))
    for records in waiting:
        records.clear()
