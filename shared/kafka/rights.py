"""Check at start that Kafka accepts our account and that it has the rights it needs.

aiokafka logs why a connection failed and then raises "unable to bootstrap", whatever the reason
was; and a missing right shows at the first record, or never. So we check one connection before we
open any client: a wrong password stays wrong, and the operator should see it in one line.
"""

import asyncio
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import structlog
from aiokafka import errors
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from shared.config import KafkaConfig, parse_addresses
from shared.errors import AccessDeniedError
from shared.kafka.client import security_arguments
from shared.security.tls import trust_failure

log = structlog.stdlib.get_logger(__name__)

_CLOSE_SECONDS = 1.0
_TOPIC_AUTHORIZATION_FAILED = errors.TopicAuthorizationFailedError.errno
_ACCOUNT_REFUSED = (
    errors.SaslAuthenticationFailed,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
)


class Right(IntEnum):
    """An operation on a topic or a group; the values are Kafka's."""

    READ = 3
    WRITE = 4
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10


async def require_access(config: KafkaConfig, rights: Mapping[str, Right]) -> None:
    """Return if Kafka accepts our account and grants these *rights* to topics, or is not reachable.

    Raises AccessDeniedError where trying again would not help.
    """
    if config.security_protocol == "PLAINTEXT":
        return  # there are no accounts
    denial = None
    for host, port in parse_addresses(config.bootstrap_servers, 9092):
        try:
            connection = await create_conn(
                host,
                port,
                request_timeout_ms=int(config.request_timeout_seconds * 1000),
                **security_arguments(config),
            )
        except (OSError, TimeoutError, errors.KafkaError, ValueError) as error:
            reason = _denial(error)
            denial = denial or (reason and f"Kafka at {host}:{port}: {reason}")
            continue
        try:
            missing = await _missing_rights(connection, rights)
        except (OSError, TimeoutError, errors.KafkaError) as error:
            log.info("Kafka did not report our rights", error=type(error).__name__)
            continue
        finally:
            # A frozen broker would never answer the close.
            await asyncio.wait({connection.close()}, timeout=_CLOSE_SECONDS)
        if missing:
            raise AccessDeniedError(f"Kafka: {config.sasl_username or 'we'} may not {missing}")
        return
    if denial:
        raise AccessDeniedError(denial)


def _denial(error: BaseException) -> str | None:
    if isinstance(error, _ACCOUNT_REFUSED):
        return f"the user is refused: {' '.join(map(str, error.args))}"
    if reason := trust_failure(error):
        return reason
    if isinstance(error, ValueError):  # raised by aiokafka's SCRAM client
        return f"its proof of the password is wrong: {error}"
    return None


async def _missing_rights(connection: AIOKafkaConnection, rights: Mapping[str, Right]) -> str:
    """Return the missing rights as text, "" if there are none."""
    answer = await connection.send(_RightsRequest(list(rights)))
    missing = []
    for code, topic, _, _, granted in answer.topics:
        right = rights[topic]
        # A missing topic has no rights to report; the client that opens it reports the topic.
        if code == _TOPIC_AUTHORIZATION_FAILED or (not code and not granted >> right & 1):
            missing.append(f"{right.name} topic {topic!r}")
    return ", ".join(missing)


class _RightsResponse(Response):  # type: ignore[misc] # aiokafka has no types
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(
                ("node_id", Int32),
                ("host", String("utf-8")),
                ("port", Int32),
                ("rack", String("utf-8")),
            ),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _RightsRequestStruct(RequestStruct):  # type: ignore[misc] # aiokafka has no types
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _RightsResponse
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _RightsRequest(Request[_RightsRequestStruct]):  # type: ignore[misc] # aiokafka has no types
    """A metadata request in a version with rights (KIP-430), which aiokafka does not have."""

    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_RightsRequestStruct]) -> Any:
        return request_struct_class(self._topics, False, False, True)  # noqa: FBT003 Kafka's order
