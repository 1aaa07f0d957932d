"""What a worker is told by its environment (``CONSUMER_*``)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.config import (
    CassandraConfig,
    EnvironmentReader,
    KafkaConfig,
    Port,
    PositiveInt,
    PositiveSeconds,
)
from shared.model.status import DEFAULT_THRESHOLD
from shared.security.config import TlsConfig
from shared.telemetry.tracing_config import TracingConfig


class WorkerSettings(BaseSettings):
    """How a worker reads, how long it waits, how much it keeps."""

    model_config = SettingsConfigDict(env_prefix="CONSUMER_", frozen=True)

    group: str = "catchall"
    """A group that never committed starts at the beginning of the topic."""
    management_host: str = "127.0.0.1"
    management_port: Port = 9082
    threshold: PositiveInt = DEFAULT_THRESHOLD
    """The deliveries of an unknown domain; more make it catch-all. The same in all tiers."""
    flush_max_age_seconds: PositiveSeconds = 1.0
    flush_batch_domains: Annotated[int, Field(ge=1, le=100)] = 50
    """Updates per request at most: the size when many are due; few at a time go at once."""
    writes_in_flight: PositiveInt = 16
    reads_in_flight: PositiveInt = 8
    max_backlog: PositiveInt = 20_000
    """Domains to be written, events kept aside and unpublished changes; a partition that has
    more of them is not read until it has half."""
    max_known_domains: PositiveInt = 100_000
    """Per partition; the longest idle are forgotten and read again when they come back."""
    commit_interval_seconds: PositiveSeconds = 30.0
    own_rows_seconds: PositiveSeconds = 60.0
    """How long a row that this process has left is kept before it is deleted: longer than any
    update of it may be under way."""
    others_rows_hours: Annotated[float, Field(gt=0)] = 6.0
    """The same for a row of another writer, found beside a newer one: longer than a process
    that was replaced can go on."""
    audit_interval_seconds: PositiveSeconds = 10.0
    """Every so often some domains of one partition are read again and compared."""
    session_timeout_seconds: PositiveSeconds = 10.0
    drain_seconds: PositiveSeconds = 6.0
    """For flush and commit when partitions are given up: well below the session timeout."""


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """All that a worker is told."""

    kafka: KafkaConfig
    cassandra: CassandraConfig
    tls: TlsConfig
    consumer: WorkerSettings
    tracing: TracingConfig


def read_config(read: EnvironmentReader) -> WorkerConfig:
    """Read the environment; problems are kept by *read*."""
    return WorkerConfig(
        kafka=read(KafkaConfig),
        cassandra=read(CassandraConfig),
        tls=read(TlsConfig),
        consumer=read(WorkerSettings),
        tracing=read(TracingConfig),
    )
