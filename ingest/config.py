"""What an ingest node is told by its environment (``INGEST_*``)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.auth.config import AccessConfig, read_access
from shared.config import EnvironmentReader, KafkaConfig, Port, PositiveInt, PositiveSeconds
from shared.runtime.security_config import TlsConfig
from shared.runtime.tracing_config import TracingConfig


class IngestSettings(BaseSettings):
    """Where the node listens and how much it may have in hand."""

    model_config = SettingsConfigDict(env_prefix="INGEST_", frozen=True)

    http_host: str = "127.0.0.1"
    http_port: Port = 8080
    management_port: Port = 9080
    processes: PositiveInt = 1
    """More make use of more cores: they share the port, and process *n*, from 0, has its
    management port *n* above ``management_port``."""
    process: Annotated[int, Field(ge=0)] | None = None
    """Which of several this is; told by the one that starts them."""
    max_connections: PositiveInt = 10_000
    idle_seconds: PositiveSeconds = 60.0
    connection_seconds: PositiveSeconds = 300.0
    body_seconds: PositiveSeconds = 10.0
    """The time that a body may take to arrive."""
    max_in_flight_events: PositiveInt = 50_000
    max_in_flight_bytes: PositiveInt = 32 * 1024 * 1024
    max_batch_age_seconds: PositiveSeconds = 2.0
    """A partition whose batch is out for longer takes no more until it is answered."""
    drain_seconds: PositiveSeconds = 10.0


@dataclass(frozen=True, slots=True)
class IngestConfig:
    """All that an ingest node is told."""

    kafka: KafkaConfig
    tls: TlsConfig
    ingest: IngestSettings
    access: AccessConfig
    tracing: TracingConfig


def read_config(read: EnvironmentReader) -> IngestConfig:
    """Read the environment; problems are kept by *read*."""
    ingest = read(IngestSettings)
    return IngestConfig(
        kafka=read(KafkaConfig),
        tls=read(TlsConfig),
        ingest=ingest,
        access=read_access(read, ingest.http_host),
        tracing=read(TracingConfig),
    )
