"""A record source on a stub of an aiokafka consumer, which gives prepared answers."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from time import monotonic
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from aiokafka import TopicPartition
from aiokafka.errors import RequestTimedOutError

from consumer.counting.position import Position
from consumer.kafka.group_member import KafkaRecordSource
from consumer.kafka.sticky_assignor import StickyAssignor

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
        self.commit_errors: list[Exception] = []
        self.rejoins = 0
        self.topic_id: UUID | None = uuid4()
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
            if self.topic_id is None:
                raise NotImplementedError("the broker does not accept this version")
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
        """Record the offsets; take for ever or fail for the first few times."""
        if self.slow_commits:
            self.slow_commits -= 1
            await asyncio.Event().wait()
        if self.commit_errors:
            raise self.commit_errors.pop(0)
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


class Assignee:
    """Records the positions that it gets."""

    def __init__(self) -> None:
        self.positions: Mapping[int, Position] = {}
        self.assigned: list[int] = []

    def start_generation(self, generation: int, partitions: Collection[int]) -> None:
        """See Assignee."""

    def assign(self, positions: Mapping[int, Position]) -> Mapping[int, int]:
        """See Assignee."""
        self.positions = positions
        self.assigned += positions
        return {p: at.keys_from for p, at in positions.items()}

    async def revoke(self) -> None:
        """See Assignee."""


def source_of(
    consumer: StubConsumer, assignee: Assignee, clock: Callable[[], float] = monotonic
) -> KafkaRecordSource:
    """Return a source on *consumer* that *assignee* has subscribed to."""
    source = KafkaRecordSource(consumer, AT.topic, GROUP, StickyAssignor(), 5.0, clock)
    source.subscribe(assignee)
    return source
