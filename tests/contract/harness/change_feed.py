"""The feed under test: its topic, its store, and the nodes that serve it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.cassandra.session import Session, open_session
from shared.config import CassandraConfig, KafkaConfig
from shared.kafka.topic import Topic, open_topic
from shared.model.change import Change, encode_change
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.partitioning import bucket_of, partition_of
from shared.model.record import KeyValue
from tests.clients.event_stream import EventStream
from tests.tiers.stack import BUCKETS, Stack, TierProcess
from tests.waiting import until

COUNT = (
    "UPDATE {}.domain_counters SET delivered = delivered + ?, bounced = bounced + ?,"
    " applied_offset = applied_offset + 1 WHERE bucket = ? AND domain = ? AND log = 'log/0'"
    " AND writer = 5f1c1a3e-0000-1000-8000-000000000000"
)


@dataclass(slots=True)
class Changes:
    """A stack of query nodes, the topic that they follow, and the store that they read."""

    stack: Stack
    topic: Topic
    session: Session
    counting: Any
    numbers: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def write(self, changes: Sequence[Change]) -> None:
        """Append *changes*, each to the partition of its domain."""
        groups: dict[int, list[KeyValue]] = defaultdict(list)
        for change in changes:
            groups[partition_of(change.domain, self.topic.partitions)].append(encode_change(change))
        await asyncio.gather(*(self.topic.append(at, group) for at, group in groups.items()))

    async def count(self, domain: str, delivered: int, bounced: int) -> None:
        """Add these counters of *domain* to the store."""
        await self.session.write(
            self.counting.bind((delivered, bounced, bucket_of(domain, BUCKETS), domain))
        )

    def bounces(self, count: int, prefix: str) -> list[Change]:
        """Return changes of *count* new domains to "not catch-all"."""
        first = self.numbers[prefix]
        self.numbers[prefix] += count
        return [bounce(f"{prefix}{number}.example") for number in range(first, first + count)]


def bounce(domain: str) -> Change:
    """Return a change of *domain* to "not catch-all"."""
    return Change(DomainName(domain), "log/0", Counters(0, 1), 1_700_000_000_000)


def catch_all(domain: str) -> Change:
    """Return a change of *domain* to "catch-all"."""
    return Change(DomainName(domain), "log/0", Counters(1001, 0), 1_700_000_000_000)


def domains(stream: EventStream) -> list[str]:
    """Return the domains of the changes that *stream* received."""
    return [change["domain"] for change in stream.changes]


def has(stream: EventStream, count: int) -> bool:
    """Return whether *stream* has received that many changes."""
    return len(stream.changes) >= count


def names(changes: Sequence[Change]) -> list[str]:
    """Return the domains of *changes*."""
    return [change.domain for change in changes]


@asynccontextmanager
async def open_changes(folder: Path, servers: Mapping[str, str]) -> AsyncIterator[Changes]:
    """Open an empty topic and keyspace on *servers*; tests start the nodes."""
    async with Stack("changes", folder, servers, {"KAFKA_PARTITIONS": "4"}) as stack:
        config = KafkaConfig(bootstrap_servers=servers["KAFKA_BOOTSTRAP_SERVERS"])
        store = CassandraConfig(
            contact_points=servers["CASSANDRA_CONTACT_POINTS"],
            keyspace=stack.name.replace("-", "_"),
        )
        async with (
            open_topic(config, f"{stack.name}-changes") as topic,
            open_session(store) as session,
        ):
            counting = await session.prepare(COUNT.format(session.keyspace))
            yield Changes(stack, topic, session, counting)


async def start_node(changes: Changes, **environment: str) -> TierProcess:
    """Start a query node; return it when it serves changes."""
    started = await changes.stack.query(**environment)
    await until(lambda: joins(started.url))
    return started


async def joins(url: str) -> EventStream | None:
    """Open a stream and close it. Return None if the node serves no changes to it now."""
    stream = await join(url)
    if stream is not None:
        stream.close()
    return stream


async def join(url: str) -> EventStream | None:
    """Open a stream. Return None if the node serves no changes to it now: it has no position."""
    stream = await EventStream.open(url)
    assert stream.status == 200, stream.head
    await stream.until(lambda: bool(stream.last_id) or stream.closed.is_set())
    return stream if stream.last_id else None
