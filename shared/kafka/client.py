"""The arguments that every client of Kafka gets, and an error that aiokafka would not catch."""

import ssl
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError, KafkaError

from shared.config import KafkaConfig
from shared.security.tls import client_context


def _as_kafka_error(send: Callable[..., Any]) -> Callable[..., Any]:
    """Let a request over a connection that was just lost fail as over any lost connection.

    For two iterations of the event loop aiokafka 0.14 still takes such a connection for open.
    asyncio ignores what is written to it. uvloop raises a plain RuntimeError, and aiokafka does
    not catch it: the error would end the background task that meets it, aiokafka's or ours.
    """

    @wraps(send)
    def translated(connection: AIOKafkaConnection, *args: Any, **options: Any) -> Any:
        try:
            return send(connection, *args, **options)
        except KafkaError:
            raise
        except RuntimeError as error:
            raise KafkaConnectionError(str(error)) from error

    return translated


# Of the class, because aiokafka has no way to give a client other connections.
AIOKafkaConnection.send = _as_kafka_error(AIOKafkaConnection.send)


@cache
def _context(ca_file: Path | None) -> ssl.SSLContext:
    """Read the authorities once: a replacement client must not fail because of a file."""
    return client_context(ca_file)


def client_arguments(config: KafkaConfig) -> dict[str, Any]:
    """Return the arguments for any client of aiokafka."""
    return {"bootstrap_servers": config.bootstrap_servers, **security_arguments(config)}


def security_arguments(config: KafkaConfig) -> dict[str, Any]:
    """Return the arguments that a single connection accepts too."""
    if config.security_protocol == "PLAINTEXT":
        return {}
    arguments: dict[str, Any] = {
        "security_protocol": config.security_protocol,
        "ssl_context": _context(config.ca_file),
    }
    if config.security_protocol == "SASL_SSL" and config.sasl_password is not None:
        arguments |= {
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": config.sasl_username,
            "sasl_plain_password": config.sasl_password.get_secret_value(),
        }
    return arguments
