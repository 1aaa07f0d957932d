"""What a query node counts of its feed of changes. Each metric is declared here once."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.model.status import Status

_AGE_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)


class ChangeMetrics:
    """The meters of one node's feed of changes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.clients = Gauge(
            "catchall_change_clients", "Connections that listen to changes.", registry=registry
        )
        self.heard = Counter(
            "catchall_changes_heard", "Changes read from the topic.", registry=registry
        )
        self.undecodable = Counter(
            "catchall_changes_undecodable",
            "Records of the topic of changes that could not be decoded.",
            registry=registry,
        )
        self._told = Counter(
            "catchall_changes_told",
            "Changes that were news, by status; each is told to all clients.",
            ["status"],
            registry=registry,
        )
        self.sent_bytes = Counter(
            "catchall_change_sent_bytes", "Bytes of changes sent to clients.", registry=registry
        )
        self._resyncs = Counter(
            "catchall_change_resyncs",
            "Clients told to read their domains anew, by reason.",
            ["reason"],
            registry=registry,
        )
        self.replays = Counter(
            "catchall_change_replays",
            "Clients for which Kafka was read again from where they left off.",
            registry=registry,
        )
        self.lag = Gauge(
            "catchall_change_lag", "Changes in the topic that were not told yet.", registry=registry
        )
        self.late = Gauge(
            "catchall_change_late",
            "1 while Kafka or the store does not answer, so that news may be late.",
            registry=registry,
        )
        self._age = Histogram(
            "catchall_change_age_seconds",
            "From the append of the event that brought a change about to its telling here.",
            buckets=_AGE_BUCKETS,
            registry=registry,
        )
        self.late.set(1)

    def told(self, status: Status, age_seconds: float) -> None:
        """Note a change that is told to all, and how old the news is."""
        self._told.labels(status).inc()
        self._age.observe(age_seconds)

    def resynced(self, reason: str) -> None:
        """Note a client that has to read anew."""
        self._resyncs.labels(reason).inc()
