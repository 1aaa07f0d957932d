"""A stub of an aiokafka consumer, for tests of what the record source does with its answers."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from aiokafka import TopicPartition
from aiokafka.errors import RequestTimedOutError

AT = TopicPartition("t", 3)
GROUP = "g"


class StubConsumer:
    """A stub of an aiokafka consumer with prepared results, which is its own client.

    ``committed`` is the offset and the text of the group; ``fetches`` are the next results.
    """

    def __init__(self, committed: int = 0, metadata: str = "keys-from=40", end: int = 100) -> None:
        self.committed = committed, metadata
        self.failures = 0
        self.end = end
        self.fetches: list[Exception | dict[Any, Any]] = []
        self.sought: dict[TopicPartition, int] = {}
        self.paused: set[TopicPartition] = set()
        self.commits: list[Mapping[Any, Any]] = []
        self.slow_commits = 0
        self.rejoins = 0
        self.topic_id = uuid4()
        self.generation = 7
        self.tasks: dict[str, asyncio.Future[None]] = {
            name: asyncio.ensure_future(_sleep())
            for name in ("_fetch_task", "_coordination_task", "_sync_task")
        }
        self._fetcher = self._coordinator = self._client = self

    def __getattr__(self, name: str) -> Any:
        return self.tasks[name]

    def request_rejoin(self) -> None:
        """Count."""
        self.rejoins += 1

    def partitions_for_topic(self, _: str) -> set[int]:
        """Return one partition."""
        return {AT.partition}

    async def coordinator_lookup(self, *_: object) -> int:
        """Return the only node."""
        return 1

    def get_random_node(self) -> int:
        """Return the only node."""
        return 1

    async def send(self, _: int, request: Any, **__: object) -> Any:
        """Return the id of the topic, or what the group has committed; nothing is accepted."""
        if request.API_KEY == 3:
            return SimpleNamespace(topics=[(0, AT.topic, self.topic_id.bytes)])
        offset, metadata = self.committed if request._consumer_group == GROUP else (-1, "")
        entries = [(AT.partition, offset, metadata, 0)]
        return SimpleNamespace(error_code=0, topics=[(AT.topic, entries)])

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[Any, int]:
        """Fail a number of times, then return."""
        if self.failures:
            self.failures -= 1
            raise RequestTimedOutError
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[Any, int]:
        """Return the end."""
        return dict.fromkeys(partitions, self.end)

    async def getmany(self, **_: object) -> dict[Any, Any]:
        """Return the next fetch, or nothing at the end."""
        answer = self.fetches.pop(0) if self.fetches else {}
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def position(self, partition: TopicPartition) -> int:
        """Return the position of the last seek."""
        return self.sought[partition]

    async def commit(self, offsets: Mapping[Any, Any]) -> None:
        """Record the offsets; take for ever for the first few times."""
        if self.slow_commits:
            self.slow_commits -= 1
            await asyncio.Event().wait()
        self.commits.append(offsets)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Record the position."""
        self.sought[partition] = offset

    def pause(self, *partitions: TopicPartition) -> None:
        """Record it."""
        self.paused.update(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        """Record it."""
        self.paused.difference_update(partitions)

    def assignment(self) -> set[TopicPartition]:
        """Return one partition."""
        return {AT}

    def subscribe(self, *_: object, **__: object) -> None:
        """Do nothing."""


async def _sleep() -> None:
    await asyncio.Event().wait()
