"""Publish undecodable records as dead letters, so that their partition can go on."""

import base64
from collections.abc import Sequence
from typing import Protocol

import msgspec

from consumer.kafka.record_source import Record
from consumer.kafka.shared_topic import SharedTopic
from shared.kafka.topic import Topic

MAX_KEPT_BYTES = 256 * 1024
"""The limit for a key and for a value: a record of the topic may be too large for a batch of dead
letters. A record of that size is not an event in any version. The topic still has all of it, at the
offset in the dead letter."""


class DeadLetters(Protocol):
    """A destination for undecodable records."""

    async def publish(self, topic_partition: str, letters: Sequence[bytes]) -> None:
        """Publish *letters* about records of *topic_partition*. Return once Kafka has them.

        Raises RetriableError if any may be missing. A letter may be published twice.
        """

    async def run(self) -> None:
        """Serve ``publish`` until cancelled."""


class DeadLetterTopic:
    """The topic of dead letters. Only its partition 0 is used."""

    def __init__(self, topic: Topic) -> None:
        self._topic = SharedTopic(topic, "dead letters")

    async def run(self) -> None:
        """See DeadLetters."""
        await self._topic.run()

    async def publish(self, topic_partition: str, letters: Sequence[bytes]) -> None:
        """See DeadLetters."""
        key = topic_partition.encode()
        await self._topic.append({0: [(key, letter) for letter in letters]})


def encode_letter(topic_partition: str, record: Record, reason: str) -> bytes:
    """Encode a JSON object: ``log``, ``offset``, ``reason``, ``key`` and ``value`` in base64.

    ``log`` is the topic partition. ``cut`` is true if the key or the value was longer, and only
    its first ``MAX_KEPT_BYTES`` are here.
    """
    return msgspec.json.encode(
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


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data[:MAX_KEPT_BYTES]).decode()
