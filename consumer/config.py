"""A worker's settings, from environment variables (``CONSUMER_*``)."""

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
    """The settings of a worker: limits, intervals and timeouts."""

    model_config = SettingsConfigDict(env_prefix="CONSUMER_", frozen=True)

    group: str = "catchall"
    """A group that never committed starts at the beginning of the topic."""
    management_host: str = "127.0.0.1"
    management_port: Port = 9082
    threshold: PositiveInt = DEFAULT_THRESHOLD
    """A domain with more deliveries than this is catch-all. The same in all tiers."""
    flush_max_age_seconds: PositiveSeconds = 1.0
    flush_batch_domains: Annotated[int, Field(ge=1, le=100)] = 50
    """The maximum of updates per request. Fewer are sent at once, without waiting."""
    writes_in_flight: PositiveInt = 16
    reads_in_flight: PositiveInt = 8
    max_backlog: PositiveInt = 20_000
    """Per partition: pending domains, events that wait for rows, and unpublished changes. Above
    this the partition is paused until half of it is left."""
    max_known_domains: PositiveInt = 100_000
    """Per partition. The longest idle domains are forgotten, and read again at their next event."""
    commit_interval_seconds: PositiveSeconds = 30.0
    own_rows_seconds: PositiveSeconds = 60.0
    """How long a row abandoned by this process is kept before it is deleted: longer than any
    of its updates can be in flight."""
    others_rows_hours: Annotated[float, Field(gt=0)] = 6.0
    """The same for a superseded row of another writer: longer than a replaced process can go
    on."""
    audit_interval_seconds: PositiveSeconds = 10.0
    """How often some domains of one partition are read again and compared."""
    session_timeout_seconds: PositiveSeconds = 10.0
    drain_seconds: PositiveSeconds = 6.0
    """For flush and commit when partitions are revoked: well below the session timeout."""


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """All settings of a worker."""

    kafka: KafkaConfig
    cassandra: CassandraConfig
    tls: TlsConfig
    consumer: WorkerSettings
    tracing: TracingConfig


def read_config(read: EnvironmentReader) -> WorkerConfig:
    """Read the environment; *read* collects the problems."""
    return WorkerConfig(
        kafka=read(KafkaConfig),
        cassandra=read(CassandraConfig),
        tls=read(TlsConfig),
        consumer=read(WorkerSettings),
        tracing=read(TracingConfig),
    )
