"""Say which rights each tier needs, and grant them: Kafka's ACLs and Cassandra's grants.

- ingest: writes events. It has no role in Cassandra.
- worker: reads events in its group, writes changes and dead letters; reads and modifies counters.
- query: reads changes, sees how far events and their group are; reads counters.

Whoever writes a topic may also see how many replicas it wants: that is what readiness goes by.
Users and roles themselves, which have passwords, are made by whoever keeps those.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import CreateAclsRequest
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.cassandra import session as cassandra
from shared.config import CassandraConfig, KafkaConfig
from shared.errors import AccessDeniedError, BrokerUnavailableError, PipelineError
from shared.kafka.rights import Right

log = structlog.stdlib.get_logger(__name__)

_LITERAL = 3
_ALLOW = 3


class Resource(IntEnum):
    """What an ACL is about, by Kafka's own numbers."""

    TOPIC = 2
    GROUP = 3


@dataclass(frozen=True, slots=True)
class Acl:
    """One right of one Kafka user, from any host."""

    user: str
    resource: Resource
    name: str
    right: Right


class RightsConfig(BaseSettings):
    """Whose rights the step grants (``PREPARE_*``)."""

    model_config = SettingsConfigDict(env_prefix="PREPARE_", frozen=True)

    kafka_acls: bool = False
    """Whether to make them. Kafka needs an authorizer, and our own user must be its super user."""
    cassandra_grants: bool = False
    """Whether to make them. The roles must be there, and our own must be above them."""
    ingest_user: str = "ingest"
    worker_user: str = "worker"
    query_user: str = "query"
    group: str = "catchall"
    """The workers' group."""


def acls(kafka: KafkaConfig, names: RightsConfig) -> Iterator[Acl]:
    """Yield all that the tiers may do in Kafka. Reading and writing let one DESCRIBE as well."""
    ingest, worker, query = names.ingest_user, names.worker_user, names.query_user
    writes = (Right.WRITE, Right.DESCRIBE_CONFIGS)
    for user, resource, name, rights in (
        (ingest, Resource.TOPIC, kafka.topic, writes),
        (worker, Resource.TOPIC, kafka.topic, (Right.READ,)),
        (worker, Resource.GROUP, names.group, (Right.READ,)),
        (worker, Resource.TOPIC, kafka.changes_topic, writes),
        (worker, Resource.TOPIC, kafka.dead_letter_topic, writes),
        (query, Resource.TOPIC, kafka.changes_topic, (Right.READ,)),
        (query, Resource.TOPIC, kafka.topic, (Right.DESCRIBE,)),
        (query, Resource.GROUP, names.group, (Right.DESCRIBE,)),
    ):
        for right in rights:
            yield Acl(user, resource, name, right)


def grants(keyspace: str, names: RightsConfig) -> list[str]:
    """Return the statements that give the tiers' roles all that they may do in Cassandra."""
    table = f"{keyspace}.domain_counters"
    return [
        f'GRANT {right} ON TABLE {table} TO "{role}"'
        for role, rights in (
            (names.worker_user, ("SELECT", "MODIFY")),
            (names.query_user, ("SELECT",)),
        )
        for right in rights
    ]


async def create_acls(admin: AIOKafkaAdminClient, kafka: KafkaConfig, names: RightsConfig) -> None:
    """Create the ACLs; those that are there stay. Raises PipelineError."""
    for acl in acls(kafka, names):
        request = CreateAclsRequest(
            acl.resource, acl.name, _LITERAL, f"User:{acl.user}", "*", acl.right, _ALLOW
        )
        try:
            answer = await admin._send_request(request)  # noqa: SLF001 aiokafka has no call for it
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(f"no ACLs: {type(error).__name__}: {error}") from error
        ((code, message),) = answer.creation_responses
        if code:
            raise AccessDeniedError(f"no ACLs: {for_code(code).__name__}: {message}")
    log.info("ACLs are there")


async def create_grants(config: CassandraConfig, names: RightsConfig) -> None:
    """Grant the roles their rights; what they have stays. Raises PipelineError."""
    async with cassandra.open_session(config) as session:
        for statement in grants(config.keyspace, names):
            try:
                await session.write(statement)
            except PipelineError as error:
                raise PipelineError(f"{statement}: {error}") from error
    log.info("grants are there", keyspace=config.keyspace)
