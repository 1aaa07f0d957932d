"""A closed system: TLS everywhere, and a user for each tier with only the rights that it needs."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import WhiteListRoundRobinPolicy

from deploy.processes.ports import Endpoint
from deploy.servers.backends import Servers, open_servers
from deploy.servers.security import CASSANDRA_ADMIN, Security
from tests.servers.certificates import Authority
from tests.servers.loopback import random_prefix
from tests.servers.own_servers import without_given_servers
from tests.tiers.stack import Stack

ADMIN, INGEST, WORKER, QUERY = "admin", "ingest", "worker", "query"
USERS = (ADMIN, INGEST, WORKER, QUERY)
_DRIVER_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Closed:
    """Closed servers, and the tiers that use them."""

    authority: Authority
    security: Security
    servers: Servers
    stack: Stack
    folder: Path

    @property
    def secrets(self) -> list[str]:
        """Return all passwords except the default one of Cassandra."""
        return list(self.security.users.values())

    def user(self, name: str) -> Mapping[str, str]:
        """Return the environment of a process that is user *name* at Kafka and Cassandra."""
        password = self.security.users[name]
        return {
            "KAFKA_SASL_USERNAME": name,
            "KAFKA_SASL_PASSWORD": password,
            "CASSANDRA_USERNAME": name,
            "CASSANDRA_PASSWORD": password,
        }

    def kafka(self, name: str) -> Mapping[str, object]:
        """Return the settings of an aiokafka client of user *name*."""
        return {
            **self.security.kafka_client_arguments(),
            "bootstrap_servers": self.servers.bootstrap_servers,
            "sasl_plain_username": name,
            "sasl_plain_password": self.security.users[name],
        }

    @asynccontextmanager
    async def producer(self, name: str) -> AsyncIterator[AIOKafkaProducer]:
        """Open a producer of user *name*."""
        async with AIOKafkaProducer(**self.kafka(name)) as producer:
            yield producer

    @asynccontextmanager
    async def consumer(self, name: str) -> AsyncIterator[AIOKafkaConsumer]:
        """Open a consumer of user *name*, without a group."""
        async with AIOKafkaConsumer(**self.kafka(name)) as consumer:
            yield consumer

    async def ends(self) -> dict[TopicPartition, int]:
        """Return the end offsets of all our topics."""
        async with self.consumer(ADMIN) as consumer:
            topics = sorted(topic for topic in await consumer.topics() if topic[0] != "_")
            found: dict[TopicPartition, int] = {}
            for topic in topics:
                partitions = consumer.partitions_for_topic(topic) or ()
                wanted = [TopicPartition(topic, number) for number in partitions]
                found |= await consumer.end_offsets(wanted)
            return found

    async def rows(self) -> list[tuple[object, ...]]:
        """Return all counter rows."""
        keyspace = self.stack.name.replace("-", "_")
        statement = f"SELECT * FROM {keyspace}.domain_counters"  # noqa: S608 our own name
        rows = await self.cql(CASSANDRA_ADMIN, CASSANDRA_ADMIN, [statement])
        return sorted(tuple(row) for row in rows)

    async def cql(self, user: str, password: str, statements: list[str]) -> list[Any]:
        """Run *statements* as *user*; return the rows of the last one."""
        (contact,) = self.servers.contact_points.split(",")
        host, _, port = contact.partition(":")
        return await asyncio.to_thread(
            _run, Endpoint(host, int(port)), self.security, user, password, statements
        )


def _run(
    at: Endpoint, security: Security, user: str, password: str, statements: list[str]
) -> list[Any]:
    cluster = Cluster(
        [at.host],
        port=at.port,
        protocol_version=5,
        ssl_context=security.context(),
        auth_provider=PlainTextAuthProvider(user, password),
        connect_timeout=_DRIVER_SECONDS,
        execution_profiles={
            EXEC_PROFILE_DEFAULT: ExecutionProfile(WhiteListRoundRobinPolicy([at.host]))
        },
    )
    try:
        session: Session = cluster.connect()
        for statement in statements:
            rows = list(session.execute(statement, timeout=_DRIVER_SECONDS))
    finally:
        cluster.shutdown()
    return rows


@asynccontextmanager
async def open_closed(folder: Path) -> AsyncIterator[Closed]:
    """Start closed servers and prepare them; tests start the tiers."""
    prefix = random_prefix()
    authority = Authority(folder / "authority")
    users = {name: f"secret-{secrets.token_hex(12)}" for name in USERS}
    server = authority.issue_text("servers", f"{prefix}.1")
    security = Security(authority.text, server, users)
    tls_folder = folder / "tiers"
    tls_folder.mkdir()
    host = f"{random_prefix()}.1"
    certificate, key = authority.issue("tiers", host)
    common = {
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_CA_FILE": str(authority.file),
        "CASSANDRA_CA_FILE": str(authority.file),
        "TLS_CERTIFICATE_FILE": str(certificate),
        "TLS_PRIVATE_KEY_FILE": str(key),
        "TLS_CA_FILE": str(authority.file),
        "KAFKA_REPLICATION_FACTOR": "1",
        "KAFKA_MIN_INSYNC_REPLICAS": "1",
        "KAFKA_PARTITIONS": "2",
        "CASSANDRA_REPLICATION": "datacenter1:1",
        "PREPARE_KAFKA_ACLS": "true",
        "PREPARE_CASSANDRA_GRANTS": "true",
        "KAFKA_SASL_USERNAME": ADMIN,
        "KAFKA_SASL_PASSWORD": users[ADMIN],
        "CASSANDRA_USERNAME": CASSANDRA_ADMIN,
        "CASSANDRA_PASSWORD": CASSANDRA_ADMIN,
    }
    with without_given_servers():
        async with open_servers(
            folder / "servers", prefix=prefix, security=security, report=print
        ) as servers:
            environment = {
                **common,
                "KAFKA_BOOTSTRAP_SERVERS": servers.bootstrap_servers,
                "CASSANDRA_CONTACT_POINTS": servers.contact_points,
            }
            stack = Stack("closed", tls_folder, environment, {}, authority.context(), host)
            stack.servers = {**environment, "PREPARE_GROUP": stack.name}
            closed = Closed(authority, security, servers, stack, folder)
            await closed.cql(
                CASSANDRA_ADMIN,
                CASSANDRA_ADMIN,
                [
                    f"CREATE ROLE {name} WITH LOGIN = true AND PASSWORD = '{users[name]}'"
                    for name in (INGEST, WORKER, QUERY)
                ],
            )
            async with stack:
                yield closed
