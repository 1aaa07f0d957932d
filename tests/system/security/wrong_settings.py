"""Settings of a closed system with which a process must not start."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.tiers.closed import INGEST, QUERY, WORKER, Closed

Wrong = tuple[Mapping[str, str], str]
"""Wrong settings of a process, and a part of its error."""


def wrong_ones(
    closed: Closed, doubtful: Mapping[str, str], stranger: Path
) -> dict[str, list[Wrong]]:
    """Return wrong settings with the expected error, by tier."""
    password = {"KAFKA_SASL_PASSWORD": closed.secrets[0] + "-not"}
    kafka: list[Wrong] = [
        (password, "Authentication failed"),
        ({"KAFKA_CA_FILE": str(stranger)}, "certificate is refused: "),
        ({"KAFKA_BOOTSTRAP_SERVERS": doubtful["expired"]}, "certificate has expired"),
        ({"KAFKA_BOOTSTRAP_SERVERS": doubtful["elsewhere"]}, "IP address mismatch"),
    ]
    cassandra: list[Wrong] = [
        ({"CASSANDRA_PASSWORD": closed.secrets[0] + "-not"}, "are incorrect"),
        ({"CASSANDRA_CA_FILE": str(stranger)}, "certificate is refused: "),
        ({"CASSANDRA_CONTACT_POINTS": doubtful["expired"]}, "certificate has expired"),
        ({"CASSANDRA_CONTACT_POINTS": doubtful["elsewhere"]}, "IP address mismatch"),
    ]
    events, changes = (f"'{closed.stack.name}-{topic}'" for topic in ("events", "changes"))
    return {
        "ingest": [*kafka, (kafka_user(closed, QUERY), f"query may not WRITE topic {events}")],
        "consumer": [
            *cassandra,
            kafka[0],
            (cassandra_user(closed, QUERY), "has no MODIFY permission"),
            (kafka_user(closed, QUERY), "query may not WRITE topic "),
            ({"CONSUMER_GROUP": "others"}, "others"),
        ],
        "query": [
            *(cassandra[0], kafka[0]),
            (cassandra_user(closed, INGEST), "has no SELECT permission"),
            (kafka_user(closed, INGEST), f"ingest may not READ topic {changes}"),
        ],
        "deploy.prepare": [
            (kafka_user(closed, WORKER), "AuthorizationFailed"),
            ({**cassandra_user(closed, WORKER), "CASSANDRA_KEYSPACE": "other"}, "permission"),
        ],
    }


def kafka_user(closed: Closed, name: str) -> dict[str, str]:
    """Return the settings that make a process user *name* at Kafka only."""
    return {key: value for key, value in closed.user(name).items() if key.startswith("KAFKA")}


def cassandra_user(closed: Closed, name: str) -> dict[str, str]:
    """Return the settings that make a process user *name* at Cassandra only."""
    return {key: value for key, value in closed.user(name).items() if key.startswith("CASSANDRA")}


def own_ports(module: str) -> dict[str, str]:
    """Return free ports, for a process that ends at its start."""
    prefix, found = module.upper(), {}
    for name in ("HTTP_PORT", "MANAGEMENT_PORT"):
        with socket.create_server(("127.0.0.1", 0)) as free:
            found[f"{prefix}_{name}"] = str(free.getsockname()[1])
    return found


@asynccontextmanager
async def doubtful_servers(closed: Closed) -> AsyncIterator[dict[str, str]]:
    """Serve TLS with an expired certificate, and with one for another address."""
    host = closed.stack.host
    pairs = {
        "expired": closed.authority.issue("expired", host, expired=True),
        "elsewhere": closed.authority.issue("elsewhere", "127.0.0.2"),
    }

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    addresses = {}
    servers = []
    for name, pair in pairs.items():
        context: ssl.SSLContext = closed.authority.server_context(*pair)
        server = await asyncio.start_server(hang_up, host, 0, ssl=context)
        servers.append(server)
        addresses[name] = f"{host}:{server.sockets[0].getsockname()[1]}"
    try:
        yield addresses
    finally:
        for server in servers:
            server.close()
