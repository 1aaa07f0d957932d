"""What a query node is told by its environment (``QUERY_*``)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.config import (
    Address,
    CassandraConfig,
    EnvironmentReader,
    KafkaConfig,
    Port,
    PositiveInt,
    PositiveSeconds,
    parse_addresses,
)
from shared.status import DEFAULT_THRESHOLD

_MANAGEMENT_PORT = 9080


def _targets(text: str) -> str:
    parse_addresses(text, _MANAGEMENT_PORT)
    return text


class QuerySettings(BaseSettings):
    """Where the node listens and how much it asks at once."""

    model_config = SettingsConfigDict(env_prefix="QUERY_", frozen=True)

    http_host: str = "127.0.0.1"
    http_port: Port = 8081
    management_port: Port = 9081
    threshold: PositiveInt = DEFAULT_THRESHOLD
    """The deliveries of an unknown domain; more make it catch-all. The same in all tiers."""
    reads_in_flight: PositiveInt = 128
    max_waiting_reads: PositiveInt = 4_000
    """Beyond this many domains in hand a request is refused at once."""
    drain_seconds: PositiveSeconds = 10.0
    pulse_targets: Annotated[str, AfterValidator(_targets)] = (
        "127.0.0.1:9080,127.0.0.1:9081,127.0.0.1:9082"
    )
    """The management ports that ``/pulse`` asks: ``host:port,host:port``."""
    pulse_group: str = "catchall"
    """The workers' group, of which ``/pulse`` tells the committed offsets."""

    @property
    def pulse_addresses(self) -> list[Address]:
        """The targets as hosts and ports."""
        return parse_addresses(self.pulse_targets, _MANAGEMENT_PORT)


@dataclass(frozen=True, slots=True)
class QueryConfig:
    """All that a query node is told."""

    cassandra: CassandraConfig
    kafka: KafkaConfig
    query: QuerySettings


def read_config(read: EnvironmentReader) -> QueryConfig:
    """Read the environment; problems are kept by *read*."""
    return QueryConfig(
        cassandra=read(CassandraConfig), kafka=read(KafkaConfig), query=read(QuerySettings)
    )
