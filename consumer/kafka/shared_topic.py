"""Append to a topic from all partitions of a worker."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from shared.errors import RetriableError
from shared.kafka.topic import Topic
from shared.model.record import KeyValue

log = structlog.stdlib.get_logger(__name__)


class SharedTopic:
    """A topic that all partitions of a worker append to; *content* names its records in logs.

    An append is a task of this object, not of the partition that calls ``append``. When that
    partition is revoked, the append goes on, and no other append starts before it ends.
    """

    def __init__(self, topic: Topic, content: str) -> None:
        self._topic = topic
        self._content = content
        self._locks = [asyncio.Lock() for _ in range(topic.partitions)]
        self._failing: set[int] = set()
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Serve ``append`` until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            await asyncio.Event().wait()

    async def append(self, batches: Mapping[int, Sequence[KeyValue]]) -> None:
        """Append each batch to its partition of the topic; return once Kafka has them.

        Raises RetriableError, after all appends have ended, if any record may be missing.
        """
        if self._tasks is None:
            raise RuntimeError("append was called before run")
        appends = [self._tasks.create_task(self._append(p, b)) for p, b in batches.items()]
        for error in await asyncio.gather(*map(asyncio.shield, appends)):
            if error is not None:
                raise error

    async def _append(self, partition: int, records: Sequence[KeyValue]) -> RetriableError | None:
        try:
            async with self._locks[partition]:
                await self._topic.append(partition, records)
        except RetriableError as error:
            if not self._failing:
                log.warning("a topic refuses records", content=self._content, error=str(error))
            self._failing.add(partition)
            return error
        if partition in self._failing:
            self._failing.discard(partition)
            if not self._failing:
                log.warning("a topic takes records again", content=self._content)
        return None
