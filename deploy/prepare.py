"""Create the keyspace, table and topics that are missing, and grant rights if configured.

``python -m deploy.prepare`` is safe to run at any time and several times at once. It does not
change what exists; it logs a warning if the number of partitions differs from the configured one,
or if Kafka forgets committed offsets sooner than it deletes events.
"""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from pydantic import AfterValidator
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.rights import RightsConfig, create_acls, create_grants
from shared.cassandra.layout import read_buckets
from shared.cassandra.session import open_session
from shared.config import (
    CassandraConfig,
    EnvironmentReader,
    KafkaConfig,
    LayoutConfig,
    PositiveInt,
)
from shared.errors import BrokerUnavailableError, PipelineError
from shared.kafka.client import client_arguments
from shared.kafka.producer import MAX_BATCH_BYTES
from shared.kafka.rights import require_access
from shared.model.partitioning import DEFAULT_BUCKETS
from shared.runtime.lifecycle import main

log = structlog.stdlib.get_logger(__name__)

_SCHEMA = Path(__file__).with_name("schema.cql")
_KAFKA_SECONDS = 60.0
_OFFSETS_RETENTION = "offsets.retention.minutes"
_HOUR_MS = 60 * 60 * 1000
_DAY_MS = 24 * _HOUR_MS


def parse_replication(text: str) -> dict[str, int]:
    """Parse "datacenter1:3,datacenter2:3" into replicas per datacenter. Raises ValueError."""
    replication = {}
    for part in text.split(","):
        name, _, replicas = part.strip().rpartition(":")
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or not re.fullmatch(r"[1-9]\d?", replicas):
            raise ValueError(f"{part.strip()!r} is not datacenter:replicas")
        replication[name] = int(replicas)
    return replication


def _replication(text: str) -> str:
    parse_replication(text)
    return text


class KafkaLayout(BaseSettings):
    """How topics are created (``KAFKA_*``)."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", frozen=True)

    partitions: PositiveInt = 12
    """The upper limit for the number of workers that share the work."""
    replication_factor: PositiveInt = 3
    min_insync_replicas: PositiveInt = 2
    retention_days: PositiveInt = 7
    """How long events can be read again. Must be far longer than any outage of the workers."""


class CassandraLayout(BaseSettings):
    """How the keyspace is created (``CASSANDRA_*``)."""

    model_config = SettingsConfigDict(env_prefix="CASSANDRA_", frozen=True)

    replication: Annotated[str, AfterValidator(_replication)] = "datacenter1:3"


@dataclass(frozen=True, slots=True)
class PrepareConfig:
    """The settings of this step."""

    kafka: KafkaConfig
    kafka_layout: KafkaLayout
    cassandra: CassandraConfig
    cassandra_layout: CassandraLayout
    layout: LayoutConfig
    rights: RightsConfig | None = None


def read_config(read: EnvironmentReader) -> PrepareConfig:
    """Read the environment; *read* collects the problems."""
    return PrepareConfig(
        kafka=read(KafkaConfig),
        kafka_layout=read(KafkaLayout),
        cassandra=read(CassandraConfig),
        cassandra_layout=read(CassandraLayout),
        layout=read(LayoutConfig),
        rights=read(RightsConfig),
    )


def schema_statements(keyspace: str, replication: dict[str, int], buckets: int) -> list[str]:
    """Return the statements of ``schema.cql`` for *keyspace*."""
    options = {"class": "NetworkTopologyStrategy", **{k: str(v) for k, v in replication.items()}}
    text = _SCHEMA.read_text().format(keyspace=keyspace, replication=options, buckets=buckets)
    text = re.sub(r"--.*", "", text)
    return [statement.strip() for statement in text.split(";") if statement.strip()]


def topics(kafka: KafkaConfig, layout: KafkaLayout) -> list[NewTopic]:
    """Return the topics with their settings."""
    durable = {
        "min.insync.replicas": str(layout.min_insync_replicas),
        "unclean.leader.election.enable": "false",
        "max.message.bytes": str(MAX_BATCH_BYTES + 64 * 1024),
        # Duplicate detection compares the append times of idempotency keys.
        "message.timestamp.type": "LogAppendTime",
    }
    return [
        NewTopic(
            kafka.topic,
            layout.partitions,
            layout.replication_factor,
            topic_configs={**durable, "retention.ms": str(layout.retention_days * _DAY_MS)},
        ),
        NewTopic(
            kafka.dead_letter_topic,
            1,
            layout.replication_factor,
            topic_configs={**durable, "retention.ms": "-1"},
        ),
        NewTopic(
            kafka.changes_topic,
            layout.partitions,
            layout.replication_factor,
            topic_configs={
                **durable,
                # Kafka keeps the last change of each domain for ever.
                "cleanup.policy": "compact",
                # A reader that was away for less than this misses no change.
                "min.compaction.lag.ms": str(_HOUR_MS),
                # Kafka never compacts the segment it writes to. Changes are few and small: with
                # the defaults (a week, 1 GiB) a segment would hardly ever end.
                "segment.ms": str(_DAY_MS),
                "segment.bytes": str(64 * 1024 * 1024),
            },
        ),
    ]


async def create_schema(
    config: CassandraConfig, replication: dict[str, int], buckets: int = DEFAULT_BUCKETS
) -> None:
    """Create the keyspace and the table if they are missing, through one node (README, 6).

    Raises ConfigError if the keyspace has another number of *buckets*.
    """
    async with open_session(config, every_node=True) as session:
        for statement in schema_statements(config.keyspace, replication, buckets):
            await session.change_schema(statement)
        await read_buckets(session, buckets)
    log.info("the schema exists", keyspace=config.keyspace)


async def create_topics(
    config: KafkaConfig, layout: KafkaLayout, rights: RightsConfig | None = None
) -> None:
    """Create the topics that are missing, and the ACLs if *rights* asks for them."""
    await require_access(config, {})
    admin = AIOKafkaAdminClient(**client_arguments(config))
    try:
        async with asyncio.timeout(_KAFKA_SECONDS):
            await admin.start()
            answer = await admin.create_topics(topics(config, layout))
            found = await admin.describe_topics([config.topic])
            await _check_offsets_retention(admin, layout)
            if rights is not None and rights.kafka_acls:
                await create_acls(admin, config, rights)
    except (KafkaError, TimeoutError) as error:
        raise BrokerUnavailableError(
            f"cannot create topics at {config.bootstrap_servers}: {type(error).__name__}: {error}"
        ) from error
    finally:
        await admin.close()
    for name, code, message in answer.topic_errors:
        error_type = for_code(code)
        if code and error_type is not TopicAlreadyExistsError:
            raise PipelineError(f"topic {name!r}: {error_type.__name__}: {message}")
        log.info("the topic exists", topic=name, created=code == 0)
    # 0: the topic was just created, and not every broker has it yet.
    partitions = len(found[0]["partitions"])
    if partitions not in {0, layout.partitions}:
        log.warning(
            "the topic keeps its number of partitions",
            partitions=partitions,
            configured=layout.partitions,
        )


async def _check_offsets_retention(admin: AIOKafkaAdminClient, layout: KafkaLayout) -> None:
    """Warn if workers that are all stopped lose their offsets before they lose events.

    Kafka counts from the time when the last worker left. Without offsets the workers would wait
    for an operator. Reads nothing without the right DESCRIBE_CONFIGS on the cluster.
    """
    broker = (await admin.describe_cluster())["brokers"][0]["node_id"]
    wanted = {_OFFSETS_RETENTION: None}
    (answer,) = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.BROKER, str(broker), wanted)]
    )
    for resource in answer.to_object()["resources"]:
        for entry in resource["config_entries"]:
            minutes = int(entry["config_value"])
            if minutes * 60 * 1000 < layout.retention_days * _DAY_MS:
                log.warning(
                    "offsets are forgotten before events are deleted",
                    setting=_OFFSETS_RETENTION,
                    minutes=minutes,
                    retention_days=layout.retention_days,
                )


async def run(config: PrepareConfig) -> None:
    """Create everything that is missing."""
    async with asyncio.TaskGroup() as tasks:
        replication = parse_replication(config.cassandra_layout.replication)
        tasks.create_task(_prepare_store(config, replication))
        tasks.create_task(create_topics(config.kafka, config.kafka_layout, config.rights))


async def _prepare_store(config: PrepareConfig, replication: dict[str, int]) -> None:
    await create_schema(config.cassandra, replication, config.layout.buckets)
    if config.rights is not None and config.rights.cassandra_grants:
        await create_grants(config.cassandra, config.rights)


if __name__ == "__main__":
    main("prepare", read_config, run)
