"""What a query node is told by its environment (``QUERY_*``)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.auth.config import AccessConfig, read_access
from shared.config import (
    Address,
    CassandraConfig,
    EnvironmentReader,
    KafkaConfig,
    NotNegativeInt,
    Port,
    PositiveInt,
    PositiveSeconds,
    parse_addresses,
)
from shared.model.status import DEFAULT_THRESHOLD
from shared.runtime.security_config import TlsConfig
from shared.runtime.tracing_config import TracingConfig

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
    pulse_targets: Annotated[str, AfterValidator(_targets)] = (
        "127.0.0.1:9080,127.0.0.1:9081,127.0.0.1:9082"
    )
    """The management ports that ``/pulse`` asks: ``host:port,host:port``. A name with several
    addresses stands for as many processes."""
    pulse_group: str = "catchall"
    """The workers' group, of which ``/pulse`` tells the committed offsets."""

    @property
    def pulse_addresses(self) -> list[Address]:
        """The targets as hosts and ports."""
        return parse_addresses(self.pulse_targets, _MANAGEMENT_PORT)


class ChangesSettings(BaseSettings):
    """How the node tells changes (``QUERY_CHANGES_*``)."""

    model_config = SettingsConfigDict(env_prefix="QUERY_CHANGES_", frozen=True)

    max_clients: PositiveInt = 2_000
    client_bytes: PositiveInt = 256 * 1024
    """With more unread a client is too slow, and its stream ends."""
    ring_bytes: PositiveInt = 4 * 1024 * 1024
    """For changes that are kept for clients that come back."""
    history_records: NotNegativeInt = 500
    """Per partition: so many are read again when the node starts, for the clients of another
    node that come here."""
    replay_records: PositiveInt = 50_000
    """A client that was away for more of them has to read its domains anew."""
    max_replays: PositiveInt = 8
    """Clients at once for which Kafka is read again, because memory does not reach back."""
    remembered_domains: PositiveInt = 100_000
    """Of so many it is known what was said last, so that it is not said twice."""
    tick_seconds: PositiveSeconds = 0.05
    heartbeat_seconds: PositiveSeconds = 15.0
    connection_seconds: PositiveSeconds = 900.0
    """About so long a stream lasts; its client comes back, perhaps to a new node."""


@dataclass(frozen=True, slots=True)
class QueryConfig:
    """All that a query node is told."""

    kafka: KafkaConfig
    cassandra: CassandraConfig
    tls: TlsConfig
    query: QuerySettings
    changes: ChangesSettings
    access: AccessConfig
    tracing: TracingConfig


def read_config(read: EnvironmentReader) -> QueryConfig:
    """Read the environment; problems are kept by *read*."""
    query = read(QuerySettings)
    return QueryConfig(
        kafka=read(KafkaConfig),
        cassandra=read(CassandraConfig),
        tls=read(TlsConfig),
        query=query,
        changes=read(ChangesSettings),
        access=read_access(read, query.http_host),
        tracing=read(TracingConfig),
    )
