"""Publish changes of status to the compacted topic that query nodes read."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

from consumer.kafka.shared_topic import SharedTopic
from shared.kafka.topic import Topic
from shared.model.change import Change, encode_change
from shared.model.partitioning import partition_of
from shared.model.record import KeyValue


class ChangePublisher(Protocol):
    """A destination for changes of status."""

    async def publish(self, changes: Sequence[Change]) -> None:
        """Publish *changes*, those of a domain in order. Return once Kafka has them.

        Raises RetriableError if any change may be missing. A change may be published twice.
        """

    async def run(self) -> None:
        """Serve ``publish`` until cancelled."""


class ChangeTopic:
    """The topic of changes."""

    def __init__(self, topic: Topic, buckets: int) -> None:
        self._topic = SharedTopic(topic, "changes")
        self._partitions = topic.partitions
        self._buckets = buckets

    async def run(self) -> None:
        """See ChangePublisher."""
        await self._topic.run()

    async def publish(self, changes: Sequence[Change]) -> None:
        """See ChangePublisher."""
        batches: dict[int, list[KeyValue]] = defaultdict(list)
        for change in changes:
            at = partition_of(change.domain, self._partitions, self._buckets)
            batches[at].append(encode_change(change))
        await self._topic.append(batches)
