"""The settings of a query node, from environment variables (``QUERY_*``)."""

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
    LayoutConfig,
    NotNegativeInt,
    Port,
    PositiveInt,
    PositiveSeconds,
    parse_addresses,
)
from shared.http.config import HttpSettings
from shared.model.status import DEFAULT_THRESHOLD
from shared.security.config import TlsConfig
from shared.telemetry.tracing_config import TracingConfig

_MANAGEMENT_PORT = 9080


def _targets(text: str) -> str:
    parse_addresses(text, _MANAGEMENT_PORT)
    return text


class QuerySettings(HttpSettings):
    """The node's addresses and limits."""

    model_config = SettingsConfigDict(env_prefix="QUERY_", frozen=True)

    http_port: Port = 8081
    management_port: Port = 9081
    threshold: PositiveInt = DEFAULT_THRESHOLD
    """A domain with more deliveries, and no bounce, is catch-all. The same in all tiers."""
    fresh_seconds: PositiveSeconds = 1.0
    """The lifetime of an answer that is not final: until then it is served from memory."""
    max_final_domains: PositiveInt = 100_000
    max_other_domains: PositiveInt = 100_000
    """The most domains in memory: with a final answer, and others."""
    reads_at_once: PositiveInt = 8
    """Requests to Cassandra in flight while it is fast, each of up to 32 domains. A higher limit
    would only make them smaller. Bulk requests have a separate limit of the same size."""
    reads_in_flight: PositiveInt = 64
    """Requests in flight in all: a slow request does not count for ``reads_at_once``."""
    max_waiting_reads: PositiveInt = 4_000
    max_wait_seconds: PositiveSeconds = 0.1
    """A GET whose read waits longer before it is sent is refused."""
    max_bulk_reads: Annotated[int, Field(ge=1_000)] = 4_000
    """The most domains of bulk requests that wait; a request that does not fit is refused whole."""
    max_bulk_wait_seconds: PositiveSeconds = 1.0
    pulse_targets: Annotated[str, AfterValidator(_targets)] = (
        "127.0.0.1:9080,127.0.0.1:9081,127.0.0.1:9082"
    )
    """The management ports that ``/pulse`` reads: ``host:port,host:port``. A name with several
    addresses stands for as many processes."""
    pulse_seconds: Annotated[PositiveSeconds, Field(le=20)] = 10.0
    """The node reads them so often, for the charts of the last minutes; more often while somebody
    looks at the page."""
    pulse_group: str = "catchall-workers-internal"
    """The consumer group of the workers, whose committed offsets ``/pulse`` shows."""

    @property
    def pulse_addresses(self) -> list[Address]:
        """The targets as hosts and ports."""
        return parse_addresses(self.pulse_targets, _MANAGEMENT_PORT)


class ChangesSettings(BaseSettings):
    """The feed of changes (``QUERY_CHANGES_*``)."""

    model_config = SettingsConfigDict(env_prefix="QUERY_CHANGES_", frozen=True)

    max_clients: PositiveInt = 2_000
    client_bytes: PositiveInt = 256 * 1024
    """A client with more unread bytes is too slow, and its stream ends."""
    ring_bytes: PositiveInt = 4 * 1024 * 1024
    """The size of the replay buffer, for clients that reconnect."""
    history_records: NotNegativeInt = 500
    """Records per partition that a starting node reads back, for clients that come from another
    node."""
    replay_records: PositiveInt = 50_000
    """A client that missed more records has to read its domains again."""
    max_replays: PositiveInt = 8
    """Clients resumed from Kafka at the same time, where the replay buffer does not reach back."""
    remembered_domains: PositiveInt = 100_000
    """Domains whose last change is in memory, so that it is not sent twice."""
    tick_seconds: PositiveSeconds = 0.05
    heartbeat_seconds: PositiveSeconds = 15.0
    connection_seconds: PositiveSeconds = 900.0
    """The approximate lifetime of a stream; the client reconnects, perhaps to a new node."""


class ExportSettings(BaseSettings):
    """Exports of all domains, and their totals (``QUERY_EXPORT_*``)."""

    model_config = SettingsConfigDict(env_prefix="QUERY_EXPORT_", frozen=True)

    max_clients: PositiveInt = 2
    """Exports at the same time; each may use a core."""
    requests_ahead: PositiveInt = 8
    """Requests of an export to Cassandra in flight, or read and not yet sent: some 5,000 domains
    each, 2 MB."""
    write_seconds: PositiveSeconds = 30.0
    """A client that takes longer to read the next 100 kB is dropped."""
    max_seconds: PositiveSeconds = 3_600.0
    """A longer export ends with a cursor, and the client goes on, perhaps at another node."""
    summary_seconds: PositiveSeconds = 600.0
    """A request for totals older than this starts a scan of all domains in the background."""


@dataclass(frozen=True, slots=True)
class QueryConfig:
    """All settings of a query node."""

    kafka: KafkaConfig
    cassandra: CassandraConfig
    layout: LayoutConfig
    tls: TlsConfig
    query: QuerySettings
    changes: ChangesSettings
    exports: ExportSettings
    access: AccessConfig
    tracing: TracingConfig


def read_config(read: EnvironmentReader) -> QueryConfig:
    """Return the settings; *read* collects every problem."""
    query = read(QuerySettings)
    return QueryConfig(
        kafka=read(KafkaConfig),
        cassandra=read(CassandraConfig),
        layout=read(LayoutConfig),
        tls=read(TlsConfig),
        query=query,
        changes=read(ChangesSettings),
        exports=read(ExportSettings),
        access=read_access(read, query.http_host),
        tracing=read(TracingConfig),
    )
