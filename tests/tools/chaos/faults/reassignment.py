"""Change the replicas of partitions. aiokafka 0.14 has no request for it."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

_TIMEOUT_MS = 5_000


async def reassign(
    client: AIOKafkaClient, topic: str, replicas: Mapping[int, Sequence[int]]
) -> None:
    """Begin to move partitions of *topic* to other *replicas*. Raises KafkaError."""
    request = _ReassignmentRequest(topic, replicas)
    answer = await client.send(client.get_random_node(), request)
    of_partitions = (at[1] for _, partitions, _ in answer.responses for at in partitions)
    for code in (answer.error_code, *of_partitions):
        if code:
            raise for_code(code)


class _ReassignmentResponse(Response):  # type: ignore[misc] # aiokafka has no types
    API_KEY = 45
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", CompactString("utf-8")),
        (
            "responses",
            CompactArray(
                ("name", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition_index", Int32),
                        ("error_code", Int16),
                        ("error_message", CompactString("utf-8")),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _ReassignmentRequestStruct(RequestStruct):  # type: ignore[misc] # aiokafka has no types
    FLEXIBLE_VERSION = True
    API_KEY = 45
    API_VERSION = 0
    RESPONSE_TYPE = _ReassignmentResponse
    SCHEMA = Schema(
        ("timeout_ms", Int32),
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition_index", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _ReassignmentRequest(Request[_ReassignmentRequestStruct]):  # type: ignore[misc] # no types
    API_KEY = 45

    def __init__(self, topic: str, replicas: Mapping[int, Sequence[int]]) -> None:
        self._topic = topic
        self._replicas = replicas

    def build(self, request_struct_class: type[_ReassignmentRequestStruct]) -> Any:
        partitions: list[tuple[int, list[int], dict[int, bytes]]] = [
            (number, list(nodes), {}) for number, nodes in self._replicas.items()
        ]
        return request_struct_class(_TIMEOUT_MS, [(self._topic, partitions, {})], {})
