"""The topics in memory and the ones in Kafka, with one interface for the tests."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from consumer.config import WorkerSettings
from consumer.counting.position import Position
from consumer.kafka.group_member import open_source
from consumer.kafka.record_source import Assignee, RecordSource
from shared.config import KafkaConfig
from shared.kafka.topic import Topic
from shared.model.change import Change, decode_change
from shared.model.domain import DomainName
from shared.model.partitioning import partition_of
from tests.fakes.group_topic import InMemoryGroupTopic
from tests.fakes.topic import InMemoryTopic

SESSION_SECONDS = 3.0
"""Short: heartbeats come five times as often."""

KeyAndValue = tuple[bytes | None, bytes | None]


class Source(RecordSource, Protocol):
    """A record source that joins a group by ``subscribe``."""

    def subscribe(self, assignee: Assignee) -> None:
        """Join the group on behalf of *assignee*."""


class Readable(Protocol):
    """A topic, and access to its records."""

    topic: Topic

    async def records(self, partition: int) -> Sequence[KeyAndValue]:
        """Return all records of *partition*, without a group."""


class Topics(Readable, Protocol):
    """The topics of events, dead letters and changes, and the groups that read events."""

    name: str
    dead_letters: Topic
    changes: Topic

    def open_source(self, group: str) -> AbstractAsyncContextManager[Source]:
        """Return a member of *group* that leaves at the end."""

    async def letters(self) -> Sequence[KeyAndValue]:
        """Return all dead letters."""

    async def published(self, domain: DomainName) -> Sequence[Change]:
        """Return the published changes of *domain*, from its partition."""

    async def committed(self, group: str, partition: int) -> int | None:
        """Return the committed offset of *group*, or None if there is none."""

    async def set_committed(self, group: str, partition: int, offset: int) -> None:
        """Commit *offset* for *group*, which has no member."""


class FakeTopic:
    """A topic in memory that can fail, without groups."""

    def __init__(self, partitions: int) -> None:
        self._topic = InMemoryTopic(partitions)
        self.topic: Topic = self._topic

    async def records(self, partition: int) -> Sequence[KeyAndValue]:
        """See Readable."""
        return [pair for at, batch in self._topic.stored if at == partition for pair in batch]


class FakeTopics:
    """Topics in memory."""

    def __init__(self, name: str, partitions: int) -> None:
        self.name = name
        self._events = InMemoryGroupTopic(name, partitions)
        self._letters = InMemoryGroupTopic(f"{name}-dead-letters", 1)
        self.failing_changes = InMemoryTopic(partitions)
        """The same as ``changes``: it can fail."""
        self.topic: Topic = self._events
        self.dead_letters: Topic = self._letters
        self.changes: Topic = self.failing_changes

    def open_source(self, group: str) -> AbstractAsyncContextManager[Source]:
        """See Topics."""
        return self._events.open_source(group)

    async def records(self, partition: int) -> Sequence[KeyAndValue]:
        """See Topics."""
        return [(record.key, record.value) for record in self._events.records(partition)]

    async def letters(self) -> Sequence[KeyAndValue]:
        """See Topics."""
        return [(record.key, record.value) for record in self._letters.records(0)]

    async def published(self, domain: DomainName) -> Sequence[Change]:
        """See Topics."""
        at = partition_of(domain, self.changes.partitions)
        stored = self.failing_changes.stored
        return _changes_of(domain, (pair for p, batch in stored if p == at for pair in batch))

    async def committed(self, group: str, partition: int) -> int | None:
        """See Topics."""
        position = self._events.group(group).committed.get(partition)
        return None if position is None else position.next_offset

    async def set_committed(self, group: str, partition: int, offset: int) -> None:
        """See Topics."""
        self._events.group(group).committed[partition] = Position.at(offset)


class RealTopics:
    """Topics in Kafka."""

    def __init__(
        self, config: KafkaConfig, topic: Topic, dead_letters: Topic, changes: Topic
    ) -> None:
        self.name = config.topic
        self.topic = topic
        self.dead_letters = dead_letters
        self.changes = changes
        self._config = config

    def open_source(self, group: str) -> AbstractAsyncContextManager[Source]:
        """See Topics."""
        settings = WorkerSettings(group=group, session_timeout_seconds=SESSION_SECONDS)
        return open_source(self._config, settings)

    async def records(self, partition: int) -> Sequence[KeyAndValue]:
        """See Topics."""
        return await read_all(self._config, self.name, partition)

    async def letters(self) -> Sequence[KeyAndValue]:
        """See Topics."""
        return await read_all(self._config, self._config.dead_letter_topic, 0)

    async def published(self, domain: DomainName) -> Sequence[Change]:
        """See Topics."""
        at = partition_of(domain, self.changes.partitions)
        return _changes_of(domain, await read_all(self._config, self._config.changes_topic, at))

    async def committed(self, group: str, partition: int) -> int | None:
        """See Topics."""
        at = TopicPartition(self.name, partition)
        async with AIOKafkaConsumer(**_plain(self._config), group_id=group) as consumer:
            consumer.assign([at])
            offset: int | None = await consumer.committed(at)
            return offset

    async def set_committed(self, group: str, partition: int, offset: int) -> None:
        """See Topics."""
        at = TopicPartition(self.name, partition)
        async with AIOKafkaConsumer(**_plain(self._config), group_id=group) as consumer:
            consumer.assign([at])
            await consumer.commit({at: (offset, Position.at(offset).metadata())})


async def read_all(config: KafkaConfig, topic: str, partition: int) -> list[KeyAndValue]:
    """Return the keys and values of all current records of *partition*."""
    at = TopicPartition(topic, partition)
    async with AIOKafkaConsumer(**_plain(config)) as consumer:
        consumer.assign([at])
        end = (await consumer.end_offsets([at]))[at]
        await consumer.seek_to_beginning(at)
        found: list[KeyAndValue] = []
        while await consumer.position(at) < end:
            batch = (await consumer.getmany(at, timeout_ms=200)).get(at, [])
            found += [(record.key, record.value) for record in batch]
        return found


def _changes_of(domain: DomainName, records: Iterable[KeyAndValue]) -> list[Change]:
    return [c for c in (decode_change(key, value) for key, value in records) if c.domain == domain]


def _plain(config: KafkaConfig) -> Mapping[str, object]:
    return {
        "bootstrap_servers": config.bootstrap_servers,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
    }
