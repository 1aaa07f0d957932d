"""Three brokers that tests kill and freeze, and an ingest node without Cassandra."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import aiohttp
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from deploy.processes.errors import ServersError
from deploy.processes.node import Node
from deploy.processes.ports import require_free
from deploy.servers.backends import Servers, build_servers, choose_backend, endpoints
from deploy.servers.cluster import Cluster
from tests.clients.sent_once import sent_once
from tests.servers.loopback import random_prefix
from tests.tiers.stack import Stack
from tests.waiting import until

BROKERS = 3
PARTITIONS = 12
_WHOLE_SECONDS = 60.0


@asynccontextmanager
async def open_brokers(folder: Path) -> AsyncIterator[list[Node]]:
    """Start three brokers without Cassandra; servers that the environment names are not used."""
    cluster = Cluster(folder, BROKERS, random_prefix())
    try:
        await require_free(endpoints(cluster))
        servers: Servers = build_servers(cluster, await choose_backend(print))
    except ServersError as error:
        pytest.fail(f"these tests hurt servers of their own: {error}", pytrace=False)
    try:
        await start(servers.kafka, members=BROKERS)
        yield servers.kafka
    finally:
        await asyncio.gather(*(broker.kill() for broker in servers.kafka))


async def start(brokers: Sequence[Node], *, members: int = 1) -> None:
    """Start *brokers*; return when each of them answers and sees *members* brokers."""
    await asyncio.gather(*(broker.start() for broker in brokers))
    await asyncio.gather(*(broker.wait_ready(members) for broker in brokers))


async def create_placed_topic(
    servers: str, name: str, places: Mapping[int, Sequence[int]], min_insync_replicas: int = 1
) -> None:
    """Create a topic with the given brokers for each partition."""
    settings = {"min.insync.replicas": str(min_insync_replicas)}
    new = NewTopic(name, -1, -1, {p: list(at) for p, at in places.items()}, settings)
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    try:
        await admin.start()
        answer = await admin.create_topics([new])
        assert answer.topic_errors[0][1] == 0, answer
    finally:
        await admin.close()


@dataclass(slots=True)
class BrokerStack(Stack):
    """A stack of ingest nodes: its topic needs no Cassandra."""

    min_insync_replicas: int = 2

    @property
    def topic(self) -> str:
        """The topic of events."""
        return f"{self.name}-events"

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), middlewares=(sent_once,)
        )
        await self.create_topic()
        return self

    async def create_topic(self) -> None:
        """Create the topic; return once every partition has all its replicas in sync."""
        settings = {"min.insync.replicas": str(self.min_insync_replicas)}
        new = NewTopic(self.topic, PARTITIONS, BROKERS, topic_configs=settings)
        async with self._admin() as admin:
            answer = await admin.create_topics([new])
            ((_, code, message),) = answer.topic_errors
            assert code == 0, (for_code(code).__name__, message)
        await self.wait_whole()

    async def delete_topic(self) -> None:
        """Delete the topic; return once the brokers no longer describe it."""
        async with self._admin() as admin:
            await admin.delete_topics([self.topic])

            async def is_unknown() -> bool:
                (found,) = await admin.describe_topics([self.topic])
                return bool(found["error_code"] != 0)

            for _ in range(BROKERS):
                await until(is_unknown, _WHOLE_SECONDS)

    async def wait_whole(self) -> None:
        """Return once every partition has a leader and all its replicas in sync."""
        await until(self._is_whole, _WHOLE_SECONDS)

    async def _is_whole(self) -> bool:
        try:
            async with self._admin() as admin:
                (found,) = await admin.describe_topics([self.topic])
        except (KafkaError, OSError):
            return False
        partitions = found["partitions"]
        return len(partitions) == PARTITIONS and all(
            at["leader"] != -1 and len(at["isr"]) == BROKERS for at in partitions
        )

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self.servers["KAFKA_BOOTSTRAP_SERVERS"], request_timeout_ms=10_000
        )
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()

    async def stored(self) -> tuple[Mapping[str, int], set[tuple[int, int]]]:
        """Return how often each domain is in the topic, and each kind and count that is there."""
        places = [TopicPartition(self.topic, number) for number in range(PARTITIONS)]
        counts: Counter[str] = Counter()
        values: set[tuple[int, int]] = set()
        async with AIOKafkaConsumer(
            bootstrap_servers=self.servers["KAFKA_BOOTSTRAP_SERVERS"],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        ) as consumer:
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            await consumer.seek_to_beginning(*places)
            async with asyncio.timeout(_WHOLE_SECONDS):
                while any([await consumer.position(at) < ends[at] for at in places]):
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        for record in records:
                            for domain, kind, count in _events_of(record.key, record.value):
                                counts[domain] += 1
                                values.add((kind, count))
        return counts, values


def _events_of(key: bytes, value: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield domain, kind and count of each event in a record of either version."""
    version, kind, *rest = msgspec.msgpack.decode(value)
    if version == 1:
        yield key.decode(), kind, rest[0]
    else:
        for domain, count in zip(rest[0].split(b"\n"), rest[1], strict=True):
            yield domain.decode(), kind, count
