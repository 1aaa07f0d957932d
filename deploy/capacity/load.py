"""The load for which the model computes the needs. Pure."""

from dataclasses import dataclass

from consumer.config import WorkerSettings
from shared.model.partitioning import DEFAULT_BUCKETS

KEY_WINDOW_SECONDS = int(WorkerSettings.model_fields["idempotency_window_seconds"].default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A load on the system.

    ``domains`` is the number of all domains. ``active`` is the number of domains that share the
    traffic at a time (0: all of them, uniform traffic); each gets ``events_per_life`` events, then
    another takes its place (0: never).
    """

    rate: float
    domains: int
    age_seconds: float = 60.0
    """How old counts may get under this load, at most CONSUMER_MAX_COUNT_AGE_SECONDS: the time
    between two writes of a bucket. With spare capacity workers write more often."""
    replication: int = 3
    buckets: int = DEFAULT_BUCKETS
    put_share: float = 0.0
    keyed_share: float = 0.0
    """Share of the events that have an idempotency key."""
    key_window_seconds: int = KEY_WINDOW_SECONDS
    gets: float = 0.0
    active: int = 0
    events_per_life: float = 0.0
    retention_days: float = 7.0
    server_cores: int = 8
    """Cores of a machine that runs Kafka or Cassandra."""

    @property
    def sharing(self) -> int:
        """The number of domains that share the traffic at a time."""
        return min(self.active or self.domains, self.domains)

    @property
    def busy_buckets(self) -> int:
        """The number of buckets that share the traffic at a time."""
        return min(self.buckets, self.sharing)
