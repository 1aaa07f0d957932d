"""The arguments that every client of Kafka gets: its addresses, TLS and our account."""

import ssl
from functools import cache
from pathlib import Path
from typing import Any

from shared.config import KafkaConfig
from shared.security.tls import client_context


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
