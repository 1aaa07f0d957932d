"""What a query node is told by its environment (``QUERY_*``)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
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
    fresh_seconds: PositiveSeconds = 1.0
    """How long an answer that is not final is given again without a look at Cassandra."""
    max_final_domains: PositiveInt = 100_000
    max_other_domains: PositiveInt = 100_000
    """Domains in memory: with a final answer, and others."""
    reads_at_once: PositiveInt = 8
    """Requests to Cassandra, of up to 32 domains each, that are under way while it is quick.
    More would only make them smaller. As many again are for bulk requests."""
    reads_in_flight: PositiveInt = 64
    """Requests under way in all: those that take long make room for others up to here."""
    max_waiting_reads: PositiveInt = 4_000
    max_wait_seconds: PositiveSeconds = 0.1
    """A GET that would wait longer for its turn to be read is refused."""
    max_bulk_reads: Annotated[int, Field(ge=1_000)] = 4_000
    """Domains of bulk requests that wait to be read; beyond, a bulk request is refused whole."""
    max_bulk_wait_seconds: PositiveSeconds = 1.0
    drain_seconds: PositiveSeconds = 10.0


@dataclass(frozen=True, slots=True)
class QueryConfig:
    """All that a query node is told."""

    cassandra: CassandraConfig
    query: QuerySettings


def read_config(read: EnvironmentReader) -> QueryConfig:
    """Read the environment; problems are kept by *read*."""
    return QueryConfig(cassandra=read(CassandraConfig), query=read(QuerySettings))
