"""Publish changes of status to the compacted topic that query nodes read."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

import structlog

from shared.errors import RetriableError
from shared.kafka.topic import Topic
from shared.model.change import Change, encode_change
from shared.model.partitioning import partition_of
from shared.model.record import KeyValue

log = structlog.stdlib.get_logger(__name__)


class ChangePublisher(Protocol):
    """A destination for changes of status."""

    async def publish(self, changes: Sequence[Change]) -> None:
        """Publish *changes*, those of a domain in order. Return once Kafka has them.

        Raises RetriableError if any change may be missing. A change may be published twice.
        """

    async def run(self) -> None:
        """Serve ``publish`` until cancelled."""


class ChangeTopic:
    """The topic of changes, shared by all partitions of a worker.

    An append is a task of this object, not of the partition that calls ``publish``. When that
    partition is revoked, the append goes on, and no other append starts before it ends.
    """

    def __init__(self, topic: Topic, buckets: int) -> None:
        self._topic = topic
        self._buckets = buckets
        self._locks = [asyncio.Lock() for _ in range(topic.partitions)]
        self._failing: set[int] = set()
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """See ChangePublisher."""
        async with asyncio.TaskGroup() as self._tasks:
            await asyncio.Event().wait()

    async def publish(self, changes: Sequence[Change]) -> None:
        """See ChangePublisher."""
        if self._tasks is None:
            raise RuntimeError("publish was called before run")
        batches: dict[int, list[KeyValue]] = defaultdict(list)
        for change in changes:
            at = partition_of(change.domain, self._topic.partitions, self._buckets)
            batches[at].append(encode_change(change))
        appends = [self._tasks.create_task(self._append(p, b)) for p, b in batches.items()]
        for error in await asyncio.gather(*map(asyncio.shield, appends)):
            if error is not None:
                raise error

    async def _append(self, partition: int, records: list[KeyValue]) -> RetriableError | None:
        try:
            async with self._locks[partition]:
                await self._topic.append(partition, records)
        except RetriableError as error:
            if not self._failing:
                log.warning("changes cannot be published, and wait", error=str(error))
            self._failing.add(partition)
            return error
        if partition in self._failing:
            self._failing.discard(partition)
            if not self._failing:
                log.warning("changes are published again")
        return None
