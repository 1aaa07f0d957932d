"""Publish undecodable records as dead letters, so that their partition can go on."""

import asyncio
import base64
from typing import Protocol

import msgspec
import structlog

from consumer.kafka.record_source import Record
from shared.errors import RetriableError
from shared.kafka.topic import Topic

log = structlog.stdlib.get_logger(__name__)

_RETRY_SECONDS = 1.0
MAX_KEPT_BYTES = 256 * 1024
"""The limit for a key and for a value: a record of the topic may be too large for a batch of dead
letters. A record of that size is no event in any version. The topic still has all of it, at the
offset in the dead letter."""


class DeadLetters(Protocol):
    """A destination for undecodable records."""

    async def publish(self, topic_partition: str, record: Record, reason: str) -> None:
        """Publish *record* of *topic_partition* as a dead letter. Return once it is stored."""


class DeadLetterTopic:
    """A topic of JSON objects: ``log``, ``offset``, ``reason``, ``key`` and ``value`` in base64.

    ``log`` is the topic partition. ``cut`` is true if the key or the value was longer, and only
    its first ``MAX_KEPT_BYTES`` are here.
    """

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._lock = asyncio.Lock()

    async def publish(self, topic_partition: str, record: Record, reason: str) -> None:
        """See DeadLetters. Tries until it succeeds: the record must not be lost.

        After a crash before the commit the same record is published again.
        """
        letter = msgspec.json.encode(
            {
                "log": topic_partition,
                "offset": record.offset,
                "reason": reason,
                "key": _text(record.key),
                "value": _text(record.value),
                "cut": any(
                    part is not None and len(part) > MAX_KEPT_BYTES
                    for part in (record.key, record.value)
                ),
            }
        )
        async with self._lock:
            while True:
                try:
                    await self._topic.append(0, [(topic_partition.encode(), letter)])
                except RetriableError as error:
                    log.warning(
                        "dead letter waits", topic_partition=topic_partition, error=str(error)
                    )
                    await asyncio.sleep(_RETRY_SECONDS)
                else:
                    return


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data[:MAX_KEPT_BYTES]).decode()
