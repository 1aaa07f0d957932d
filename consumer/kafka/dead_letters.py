"""Put aside what is no record, with its origin and the reason, so that its partition goes on."""

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
"""Of a key and of a value: a topic may hold a record that, as a letter, would fit into no batch.
What is cut is no event to any version; the log has it whole, where the letter says."""


class DeadLetters(Protocol):
    """Where undecodable records are kept."""

    async def publish(self, topic_partition: str, record: Record, reason: str) -> None:
        """Return once *record* of log *origin* is safely kept."""


class DeadLetterTopic:
    """A topic of JSON objects: ``log``, ``offset``, ``reason``, ``key`` and ``value`` in base64.

    ``cut`` says that a key or value was longer and has its first ``MAX_KEPT_BYTES`` here.
    """

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._lock = asyncio.Lock()

    async def publish(self, topic_partition: str, record: Record, reason: str) -> None:
        """See DeadLetters. Tries until it succeeds: the record may not be lost.

        At least once: a crash before the commit keeps it again, with the same origin.
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
