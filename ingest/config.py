"""The settings of an ingest node, from environment variables (``INGEST_*``)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from ingest.webhooks.config import WebhookSettings
from shared.auth.config import AccessConfig, read_access
from shared.config import (
    EnvironmentReader,
    KafkaConfig,
    LayoutConfig,
    Port,
    PositiveInt,
    PositiveSeconds,
)
from shared.http.config import HttpSettings
from shared.security.config import TlsConfig
from shared.telemetry.tracing_config import TracingConfig


class IngestSettings(HttpSettings):
    """The node's addresses and limits."""

    model_config = SettingsConfigDict(env_prefix="INGEST_", frozen=True)

    http_port: Port = 8080
    management_port: Port = 9080
    processes: PositiveInt = 1
    """Several processes use several cores. They share the traffic port; process *n* (from 0) has
    the management port ``management_port + n``."""
    process: Annotated[int, Field(ge=0)] | None = None
    """The number of this process among several; the parent process sets it."""
    body_seconds: PositiveSeconds = 10.0
    """The longest time for a request body to arrive."""
    max_in_flight_events: PositiveInt = 50_000
    max_in_flight_bytes: PositiveInt = 32 * 1024 * 1024
    max_batch_age_seconds: PositiveSeconds = 2.0
    """A partition refuses events while its batch has been in flight for longer than this."""


@dataclass(frozen=True, slots=True)
class IngestConfig:
    """All settings of an ingest node."""

    kafka: KafkaConfig
    layout: LayoutConfig
    tls: TlsConfig
    ingest: IngestSettings
    webhooks: WebhookSettings
    access: AccessConfig
    tracing: TracingConfig


def read_config(read: EnvironmentReader) -> IngestConfig:
    """Return the settings; *read* collects every problem."""
    ingest = read(IngestSettings)
    return IngestConfig(
        kafka=read(KafkaConfig),
        layout=read(LayoutConfig),
        tls=read(TlsConfig),
        ingest=ingest,
        webhooks=read(WebhookSettings),
        access=read_access(read, ingest.http_host),
        tracing=read(TracingConfig),
    )
