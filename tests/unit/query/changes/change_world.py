"""A query node's feed without Kafka, Cassandra and sockets; a test runs it step by step."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import CollectorRegistry

from query.changes.change_filter import ChangeFilter
from query.changes.client import ChangeClient
from query.changes.event_id import parse_id
from query.changes.feed import ChangeFeed
from query.changes.metrics import ChangeMetrics
from query.changes.resume import Resumer
from query.changes.status_history import StatusHistory
from query.config import ChangesSettings
from shared.model.change import Change, encode_change
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.record import KeyValue
from tests.fakes.answers import THRESHOLD, InMemoryAnswerSource
from tests.fakes.change_topic import InMemoryChangeTopic
from tests.fakes.stream_transport import StreamTransport

Statuses = list[tuple[str, str]]


def bounced(domain: str) -> Change:
    """Return a change of *domain* to "not catch-all"."""
    return Change(DomainName(domain), "log/0", Counters(5, 1), 0)


def catch_all(domain: str) -> Change:
    """Return a change of *domain* to "catch-all"."""
    return Change(DomainName(domain), "log/0", Counters(THRESHOLD + 1, 0), 0)


class Appendable(Protocol):
    """A topic that accepts records."""

    async def append(self, partition: int, records: Sequence[KeyValue]) -> None:
        """Append *records*."""


async def append(topic: Appendable, partition: int, *changes: Change) -> None:
    """Append *changes* to *topic*."""
    await topic.append(partition, [encode_change(change) for change in changes])


@dataclass(slots=True)
class Listener:
    """A client and its connection."""

    client: ChangeClient
    transport: StreamTransport

    @property
    def changes(self) -> Statuses:
        """The domains and statuses received, in order."""
        found = []
        for block in self.transport.blocks:
            lines = dict(line.split(": ", 1) for line in block.split("\n") if line[0] != ":")
            if "data" in lines and "event" not in lines:
                data = json.loads(lines["data"])
                found.append((data["domain"], data["status"]))
        return found

    @property
    def kinds(self) -> list[str]:
        """The names of the named events received."""
        lines = [line for block in self.transport.blocks for line in block.split("\n")]
        return [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]

    @property
    def last_id(self) -> str:
        """The id to resume from."""
        lines = [line for block in self.transport.blocks for line in block.split("\n")]
        return [line.removeprefix("id: ") for line in lines if line.startswith("id: ")][-1]


@dataclass(slots=True)
class World:
    """One node on *topic*. A test drives it: ``read`` processes records, ``feed.flush`` sends."""

    topic: InMemoryChangeTopic
    answers: InMemoryAnswerSource = field(default_factory=InMemoryAnswerSource)
    settings: ChangesSettings = field(default_factory=ChangesSettings)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    metrics: ChangeMetrics = field(init=False)
    feed: ChangeFeed = field(init=False)
    change_filter: ChangeFilter = field(init=False)
    resumer: Resumer = field(init=False)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.metrics = metrics = ChangeMetrics(self.registry)
        self.feed = ChangeFeed(self.settings, metrics, lambda: self.seconds)
        history = StatusHistory(self.settings.remembered_domains)
        self.change_filter = ChangeFilter(self.answers, THRESHOLD, history, metrics)
        self.resumer = Resumer(
            self.feed, self.change_filter, self.topic.open_reader, metrics, lambda: self.seconds
        )

    def begin(self, *offsets: int) -> None:
        """Start at *offsets*, by default at the beginning, with nothing to catch up."""
        at = offsets or (0,) * self.topic.partitions
        self.feed.reset(at, at)
        self.feed.set_late(late=False)

    async def read(self, partition: int, count: int | None = None) -> None:
        """Read the next *count* records of *partition*, by default all."""
        start = self.feed.offsets[partition]
        records = [r for r in self.topic.records[partition] if r.offset >= start][:count]
        await self.change_filter.process(
            partition, records, lambda at, change: self.feed.publish(partition, at, change)
        )

    async def read_all(self) -> None:
        """Process all records and send the changes."""
        for partition in range(self.topic.partitions):
            await self.read(partition)
        self.feed.flush()

    def listen(self) -> Listener:
        """Return a new client that receives all further changes."""
        listener = self.connect()
        self.feed.join(listener.client)
        return listener

    def connect(self) -> Listener:
        """Return a client that has received nothing yet."""
        transport = StreamTransport()
        return Listener(self.feed.admit(transport.as_transport()), transport)

    async def resume(self, last_id: str) -> Listener:
        """Return a client that reconnects with *last_id*."""
        listener = self.connect()
        await self.resumer.resume(listener.client, parse_id(last_id))
        return listener

    async def begin_replay(self) -> "tuple[Listener, asyncio.Task[None]]":
        """Occupy the only replay slot until Cassandra answers again.

        The topic has two changes then, and the history covers neither.
        """
        self.begin()
        self.answers.counters[DomainName("a.example")] = Counters(THRESHOLD + 1, 0)
        await append(self.topic, 0, bounced("b.example"), catch_all("a.example"))
        await self.read_all()
        self.change_filter._history = StatusHistory(1)
        self.answers.away = True
        listener = self.connect()
        replay = asyncio.create_task(self.resumer.resume(listener.client, (0,)))
        async with asyncio.timeout(5):
            while self.resumer.has_room((0,)):
                await asyncio.sleep(0)
        return listener, replay

    def metric(self, name: str, **labels: str) -> float | None:
        """Return the value of a metric."""
        return self.registry.get_sample_value(name, labels)


def start_world(partitions: int = 1, settings: ChangesSettings | None = None) -> World:
    """Return a node on a new topic, at its beginning and ready for clients."""
    world = World(InMemoryChangeTopic(partitions), settings=settings or ChangesSettings())
    world.begin()
    return world


def once_each(statuses: Iterable[tuple[str, str]]) -> bool:
    """Whether each status of a domain occurs once, and in order."""
    sent: dict[str, list[str]] = {}
    for domain, status in statuses:
        sent.setdefault(domain, []).append(status)
    order = ["catch-all", "not catch-all"]
    return all(
        [order.index(s) for s in seen] == sorted({order.index(s) for s in seen})
        for seen in sent.values()
    )
