"""What a query node is told by its environment (``QUERY_*``)."""

from dataclasses import dataclass

from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.config import CassandraConfig, EnvironmentReader, Port, PositiveInt, PositiveSeconds
from shared.status import DEFAULT_THRESHOLD


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


@dataclass(frozen=True, slots=True)
class QueryConfig:
    """All that a query node is told."""

    cassandra: CassandraConfig
    query: QuerySettings


def read_config(read: EnvironmentReader) -> QueryConfig:
    """Read the environment; problems are kept by *read*."""
    return QueryConfig(cassandra=read(CassandraConfig), query=read(QuerySettings))
