"""Read the id of a topic (KIP-516): a topic that is created again under its name has another one.

aiokafka 0.14 speaks Metadata only up to version 5, before topics had ids.
"""

import uuid
from io import BytesIO
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from shared.errors import BrokerUnavailableError

_NO_ID = bytes(16)


async def read_topic_id(client: AIOKafkaClient, topic: str) -> uuid.UUID | None:
    """Return the id of *topic*; None if the broker has no ids in Metadata version 12.

    That is a broker before Kafka 3.1, or a future one without this version. Raises
    BrokerUnavailableError, also if the topic does not exist.
    """
    try:
        answer = await client.send(client.get_random_node(), _TopicsRequest(topic))
    except NotImplementedError:
        # aiokafka raises this built-in error, before it sends anything, if the broker does not
        # accept our version of the request. Versions are agreed per connection, inside ``send``.
        return None
    except (KafkaError, OSError) as error:
        raise BrokerUnavailableError(f"no topic id: {type(error).__name__}") from error
    for code, name, topic_id, *_ in answer.topics:
        if name == topic and not code:
            return None if topic_id == _NO_ID else uuid.UUID(bytes=topic_id)
    raise BrokerUnavailableError(f"no topic id: {topic!r} is not there")


class _Uuid(AbstractType[bytes]):  # type: ignore[misc] # aiokafka has no types
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


class _TopicsResponse(Response):  # type: ignore[misc] # aiokafka has no types
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _TopicsRequestStruct(RequestStruct):  # type: ignore[misc] # aiokafka has no types
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = _TopicsResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)
            ),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _TopicsRequest(Request[_TopicsRequestStruct]):  # type: ignore[misc] # aiokafka has no types
    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[_TopicsRequestStruct]) -> Any:
        topics: list[tuple[bytes, str, dict[int, bytes]]] = [(_NO_ID, self._topic, {})]
        return request_struct_class(topics, False, False, {})  # noqa: FBT003 Kafka's order
