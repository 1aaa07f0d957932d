"""A worker's settings, from environment variables (``CONSUMER_*``)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from consumer.counting.keys.dedupe import KeyWindow
from consumer.counting.ledger_rules import LedgerRules
from consumer.counting.rows.superseded import Retention
from shared.config import (
    CassandraConfig,
    EnvironmentReader,
    KafkaConfig,
    LayoutConfig,
    Port,
    PositiveInt,
    PositiveSeconds,
)
from shared.model.status import DEFAULT_THRESHOLD
from shared.security.config import TlsConfig
from shared.telemetry.tracing_config import TracingConfig

_SECONDS_PER_HOUR = 3600


class WorkerSettings(BaseSettings):
    """The settings of a worker: limits, intervals and timeouts."""

    model_config = SettingsConfigDict(env_prefix="CONSUMER_", frozen=True)

    group: str = "catchall-workers-internal"
    """A name that nobody types by accident: another member would take partitions away. A group
    that never committed starts at the beginning of the topic, if no record of it is deleted."""
    management_host: str = "127.0.0.1"
    management_port: Port = 9082
    threshold: PositiveInt = DEFAULT_THRESHOLD
    """A domain with more deliveries than this is catch-all. The same in all tiers."""
    flush_max_age_seconds: PositiveSeconds = 1.0
    """Counts that merely move are written at most this often per bucket."""
    max_count_age_seconds: PositiveSeconds = 600.0
    """How old counts should get at most. From half of it on, writes may delay changes of
    status."""
    writes_in_flight: PositiveInt = 16
    """At most, each of one bucket; a store that answers slowly gets fewer. Besides, as many may be
    in flight for changes of status."""
    max_backlog: PositiveInt = 20_000
    """Events that wait for the read of their bucket, and unpublished changes. A partition that
    has more of them is not read until it has half."""
    max_known_domains: PositiveInt = 1_000_000
    """Per partition, some 200 bytes of resident memory each; beyond it idle buckets are evicted. A
    partition is not read while it has more than twice as many, because their buckets owe counts."""
    idempotency_window_seconds: PositiveInt = 3600
    """How long an idempotency key is remembered, by Kafka's append times; some 30 bytes a key. The
    same in all workers: to change it, stop all of them first."""
    max_idempotency_keys: PositiveInt = 2_000_000
    """Per partition: with more events with a key in the window, the oldest leave it early. It
    bounds the memory, and is the same in all workers: they must forget alike."""
    commit_interval_seconds: PositiveSeconds = 30.0
    own_rows_seconds: PositiveSeconds = 60.0
    """How long a row that this process abandoned is kept: longer than any update of it may be in
    flight."""
    others_rows_hours: Annotated[float, Field(gt=0)] = 6.0
    """The same for a superseded row of another writer: longer than a process that was replaced
    can continue."""
    audit_interval_seconds: PositiveSeconds = 10.0
    """How often a bucket is read again and compared with what is known."""
    session_timeout_seconds: PositiveSeconds = 10.0
    drain_seconds: PositiveSeconds = 6.0
    """For flush and commit when partitions are revoked: well below the session timeout."""

    @property
    def key_window(self) -> KeyWindow:
        """How long idempotency keys are remembered."""
        return KeyWindow(self.idempotency_window_seconds, self.max_idempotency_keys)

    def rules(self, buckets: int, node: bytes) -> LedgerRules:
        """Return the rules of every ledger; *node* is what the writers of this process share."""
        return LedgerRules(
            buckets,
            self.threshold,
            self.flush_max_age_seconds,
            Retention(node, self.own_rows_seconds, self.others_rows_hours * _SECONDS_PER_HOUR),
        )


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """All settings of a worker."""

    kafka: KafkaConfig
    cassandra: CassandraConfig
    layout: LayoutConfig
    tls: TlsConfig
    consumer: WorkerSettings
    tracing: TracingConfig


def read_config(read: EnvironmentReader) -> WorkerConfig:
    """Read the environment; *read* collects the problems."""
    return WorkerConfig(
        kafka=read(KafkaConfig),
        cassandra=read(CassandraConfig),
        layout=read(LayoutConfig),
        tls=read(TlsConfig),
        consumer=read(WorkerSettings),
        tracing=read(TracingConfig),
    )
