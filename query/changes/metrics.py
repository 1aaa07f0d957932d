"""The metrics of a query node's feed of changes, each declared once."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from query.changes.event_stream import NoStream
from shared.model.status import Status

_AGE_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)


class ChangeMetrics:
    """The metrics of one node's feed of changes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.clients = Gauge(
            "catchall_change_clients",
            "Clients connected to the feed of changes.",
            registry=registry,
        )
        self.consumed = Counter(
            "catchall_changes_heard", "Changes read from the topic.", registry=registry
        )
        self.undecodable = Counter(
            "catchall_changes_undecodable",
            "Records of the topic of changes that could not be decoded.",
            registry=registry,
        )
        self._sent = Counter(
            "catchall_changes_told",
            "Changes of status sent to all clients, by status.",
            ["status"],
            registry=registry,
        )
        self.sent_bytes = Counter(
            "catchall_change_sent_bytes", "Bytes of changes sent to clients.", registry=registry
        )
        self._resyncs = Counter(
            "catchall_change_resyncs",
            "Resync events sent, after which a client reads its domains again, by reason.",
            ["reason"],
            registry=registry,
        )
        self._refused = Counter(
            "catchall_change_refusals",
            "Streams that ended at once, by reason; their clients reconnect by themselves.",
            ["reason"],
            registry=registry,
        )
        self.replays = Counter(
            "catchall_change_replays",
            "Clients resumed by reading Kafka again from their last position.",
            registry=registry,
        )
        self.lag = Gauge(
            "catchall_change_lag",
            "Records of the topic of changes that this node has not processed yet.",
            registry=registry,
        )
        self.late = Gauge(
            "catchall_change_late",
            "1 while changes may be late: this node is behind, or Kafka does not answer.",
            registry=registry,
        )
        self._age = Histogram(
            "catchall_change_age_seconds",
            "Time from the append of the event that caused a change until this node sends it.",
            buckets=_AGE_BUCKETS,
            registry=registry,
        )
        self.late.set(1)

    def record_change(self, status: Status, age_seconds: float) -> None:
        """Record a change that is sent to all clients, and its age."""
        self._sent.labels(status).inc()
        self._age.observe(age_seconds)

    def count_refusal(self, reason: NoStream) -> None:
        """Count a client that gets no changes now."""
        self._refused.labels(reason.name.lower()).inc()

    def count_resync(self, reason: str) -> None:
        """Count a client that has to read its domains again."""
        self._resyncs.labels(reason).inc()
