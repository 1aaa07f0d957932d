"""A topic of changes in memory."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from query.changes.event_id import Offsets
from query.changes.topic_reader import Record
from shared.errors import BrokerUnavailableError, LogRewrittenError
from shared.model.record import KeyValue


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record at its offset."""

    offset: int
    key: bytes | None
    value: bytes | None


class InMemoryChangeTopic:
    """Partitions of records; compacted records leave gaps. The topic can be away."""

    def __init__(self, partitions: int) -> None:
        self.records: list[list[StoredRecord]] = [[] for _ in range(partitions)]
        self.end_offsets = [0] * partitions
        self.start_offsets = [0] * partitions
        self.away = False

    @property
    def partitions(self) -> int:
        """The number of partitions."""
        return len(self.records)

    async def append(self, partition: int, records: Sequence[KeyValue]) -> None:
        """See shared.kafka.topic.Topic."""
        for key, value in records:
            offset = self.end_offsets[partition]
            self.records[partition].append(StoredRecord(offset, key, value))
            self.end_offsets[partition] += 1

    async def grow(self, partitions: int) -> None:
        """Add partitions."""
        for _ in range(partitions - self.partitions):
            self.records.append([])
            self.end_offsets.append(0)
            self.start_offsets.append(0)

    def check(self) -> None:
        """Raise BrokerUnavailableError while the topic is away."""
        if self.away:
            raise BrokerUnavailableError("away on purpose")

    @asynccontextmanager
    async def open_reader(self) -> AsyncIterator["InMemoryTopicReader"]:
        """Yield a reader."""
        self.check()
        yield InMemoryTopicReader(self)


class InMemoryTopicReader:
    """A TopicReader (see there) of an InMemoryChangeTopic."""

    def __init__(self, topic: InMemoryChangeTopic) -> None:
        self._topic = topic
        self._next: dict[int, int] = {}

    async def start_offsets(self) -> Offsets:
        """See TopicReader."""
        self._topic.check()
        return tuple(self._topic.start_offsets)

    async def end_offsets(self) -> Offsets:
        """See TopicReader."""
        self._topic.check()
        return tuple(self._topic.end_offsets)

    def assign(self, offsets: Mapping[int, int]) -> None:
        """See TopicReader."""
        self._next = dict(offsets)

    async def fetch(self) -> Mapping[int, Sequence[Record]]:
        """See TopicReader."""
        await asyncio.sleep(0)
        self._topic.check()
        found: dict[int, Sequence[Record]] = {}
        for partition, start in self._next.items():
            end = self._topic.end_offsets[partition]
            if not self._topic.start_offsets[partition] <= start <= end:
                raise LogRewrittenError("there is no such offset")
            records = [r for r in self._topic.records[partition] if r.offset >= start]
            if records:
                found[partition] = records
            self._next[partition] = end
        if not found:
            await asyncio.sleep(0.01)
        return found

    async def next_offset(self, partition: int) -> int:
        """See TopicReader."""
        return self._next[partition]
