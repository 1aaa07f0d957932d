"""The rights that each tier needs, as Kafka ACLs and Cassandra grants.

- ingest: writes events. It has no role in Cassandra.
- worker: reads events in its group, and what the operator accepted as lost; writes changes and dead
  letters; reads and modifies counters.
- query: reads changes and counters; reads the end offsets of events and the group's offsets.

A tier that writes a topic may also read its settings: readiness compares the in-sync replicas with
``min.insync.replicas``. Users and roles have passwords; the operator creates them before this step.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import CreateAclsRequest
from pydantic_settings import BaseSettings, SettingsConfigDict

from consumer.kafka.partition_offsets import group_of_accepted_losses
from shared.cassandra.session import open_session
from shared.config import CassandraConfig, KafkaConfig
from shared.errors import AccessDeniedError, BrokerUnavailableError, PipelineError
from shared.kafka.rights import Right

log = structlog.stdlib.get_logger(__name__)

_LITERAL = 3
_ALLOW = 3


class Resource(IntEnum):
    """The kind of resource of an ACL, by Kafka's numbers."""

    TOPIC = 2
    GROUP = 3


@dataclass(frozen=True, slots=True)
class Acl:
    """One right of one Kafka user, valid from any host."""

    user: str
    resource: Resource
    name: str
    right: Right


class RightsConfig(BaseSettings):
    """Which users receive rights, and in which servers (``PREPARE_*``)."""

    model_config = SettingsConfigDict(env_prefix="PREPARE_", frozen=True)

    kafka_acls: bool = False
    """Create ACLs. Kafka needs an authorizer, and this step's user must be a super user."""
    cassandra_grants: bool = False
    """Grant rights to the roles. They must exist, and this step's role must be above them."""
    ingest_user: str = "ingest"
    worker_user: str = "worker"
    query_user: str = "query"
    group: str = "catchall-workers-internal"
    """The consumer group of the workers."""


def acls(kafka: KafkaConfig, names: RightsConfig) -> Iterator[Acl]:
    """Yield all rights of the tiers in Kafka. READ and WRITE include DESCRIBE."""
    ingest, worker, query = names.ingest_user, names.worker_user, names.query_user
    writes = (Right.WRITE, Right.DESCRIBE_CONFIGS)
    for user, resource, name, rights in (
        (ingest, Resource.TOPIC, kafka.topic, writes),
        (worker, Resource.TOPIC, kafka.topic, (Right.READ,)),
        (worker, Resource.GROUP, names.group, (Right.READ,)),
        (worker, Resource.GROUP, group_of_accepted_losses(names.group), (Right.READ,)),
        (worker, Resource.TOPIC, kafka.changes_topic, writes),
        (worker, Resource.TOPIC, kafka.dead_letter_topic, writes),
        (query, Resource.TOPIC, kafka.changes_topic, (Right.READ,)),
        (query, Resource.TOPIC, kafka.topic, (Right.DESCRIBE,)),
        (query, Resource.GROUP, names.group, (Right.DESCRIBE,)),
    ):
        for right in rights:
            yield Acl(user, resource, name, right)


def grants(keyspace: str, names: RightsConfig) -> list[str]:
    """Return the statements that grant the tiers' roles their rights in Cassandra."""
    return [
        f'GRANT {right} ON TABLE {keyspace}.{table} TO "{role}"'
        for role, table, rights in (
            (names.worker_user, "domain_counters", ("SELECT", "MODIFY")),
            (names.worker_user, "counted_topics", ("SELECT", "MODIFY")),
            (names.query_user, "domain_counters", ("SELECT",)),
        )
        for right in rights
    ]


async def create_acls(admin: AIOKafkaAdminClient, kafka: KafkaConfig, names: RightsConfig) -> None:
    """Create the ACLs; existing ones stay. Raises PipelineError."""
    for acl in acls(kafka, names):
        request = CreateAclsRequest(
            acl.resource, acl.name, _LITERAL, f"User:{acl.user}", "*", acl.right, _ALLOW
        )
        try:
            answer = await admin._send_request(request)  # noqa: SLF001 aiokafka has no method for it
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(
                f"cannot create ACLs: {type(error).__name__}: {error}"
            ) from error
        ((code, message),) = answer.creation_responses
        if code:
            raise AccessDeniedError(f"cannot create ACLs: {for_code(code).__name__}: {message}")
    log.info("the ACLs exist")


async def create_grants(config: CassandraConfig, names: RightsConfig) -> None:
    """Grant the roles their rights; existing rights stay. Raises PipelineError."""
    async with open_session(config) as session:
        for statement in grants(config.keyspace, names):
            try:
                await session.write(statement)
            except PipelineError as error:
                raise PipelineError(f"{statement}: {error}") from error
    log.info("the roles have their rights", keyspace=config.keyspace)
