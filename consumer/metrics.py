"""The metrics of a worker. Each metric is declared here once."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
_PARTITION = ("group", "topic", "partition")
_END_TO_END_BUCKETS = (*_SECONDS_BUCKETS, 16.0, 32.0, 64.0, 300.0)


class WorkerMetrics:
    """The metrics of one worker; updated per batch, never per record."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "catchall_records", "Records read from the topic.", registry=registry
        )
        self.replayed = Counter(
            "catchall_records_replayed",
            "Records read again after they were counted, and skipped.",
            registry=registry,
        )
        self.duplicates = Counter(
            "catchall_events_duplicate",
            "Events that repeat an idempotency key and are not counted.",
            registry=registry,
        )
        self.dead_letters = Counter(
            "catchall_dead_letters",
            "Records that could not be decoded, stored as dead letters.",
            registry=registry,
        )
        writes = Counter(
            "catchall_counter_writes",
            "Updates of counter rows by outcome: ok, or dropped (the row is abandoned).",
            ["outcome"],
            registry=registry,
        )
        self.writes_ok = writes.labels("ok")
        self.writes_dropped = writes.labels("dropped")
        self.writes_limit = Gauge(
            "catchall_counter_writes_limit",
            "How many writes of counts that merely move may be in flight: fewer if they are slow.",
            registry=registry,
        )
        self.write_seconds = Histogram(
            "catchall_counter_write_seconds",
            "Duration of one request of counter updates, with any outcome.",
            buckets=_SECONDS_BUCKETS,
            registry=registry,
        )
        self.read_seconds = Histogram(
            "catchall_counter_read_seconds",
            "Duration of one read of a bucket that is not in memory.",
            buckets=_SECONDS_BUCKETS,
            registry=registry,
        )
        self.end_to_end_seconds = Histogram(
            "catchall_end_to_end_seconds",
            "Time from Kafka's append to the acknowledged counter, for the oldest event of each "
            "write of a bucket.",
            buckets=_END_TO_END_BUCKETS,
            registry=registry,
        )
        self.changes_published = Counter(
            "catchall_changes_published",
            "Changes of status that are published.",
            registry=registry,
        )
        self.changes_unpublished = Gauge(
            "catchall_changes_unpublished",
            "Changes of status that are counted and not published yet.",
            registry=registry,
        )
        self.row_epoch = Gauge(
            "catchall_row_epoch",
            "How often all rows were abandoned because a store node may have restarted.",
            registry=registry,
        )
        self.rows_deleted = Counter(
            "catchall_rows_deleted", "Superseded rows that were deleted.", registry=registry
        )
        self.audited = Counter(
            "catchall_audited_domains",
            "Domains read again to compare the store with the worker's memory.",
            registry=registry,
        )
        self.audit_mismatches = Counter(
            "catchall_audit_mismatches",
            "Audited domains for which the store had lost acknowledged writes.",
            registry=registry,
        )
        self.rebalances = Counter(
            "catchall_rebalances", "Assignments of partitions to this worker.", registry=registry
        )
        self.kept = Counter(
            "catchall_partitions_kept",
            "Partitions that came back at a rebalance, and continued with their memory.",
            registry=registry,
        )
        self.assigned = Gauge(
            "catchall_assigned_partitions", "Partitions of this worker.", registry=registry
        )
        self.paused = Gauge(
            "catchall_paused_partitions",
            "Partitions that are not read: too long a backlog, too many domains that owe counts, "
            "or dead letters that cannot be stored.",
            registry=registry,
        )
        self.stopped = Gauge(
            "catchall_stopped_partitions",
            "1 for each partition that is not read until an operator acts, with the cause.",
            (*_PARTITION, "cause"),
            registry=registry,
        )
        self.not_ours = Counter(
            "catchall_foreign_commits",
            "Committed offsets of the group that no worker committed; they are not believed.",
            registry=registry,
        )
        self.domains = Gauge(
            "catchall_domains_in_memory", "Domains whose totals are in memory.", registry=registry
        )
        self.idempotency_keys = Gauge(
            "catchall_idempotency_keys", "Idempotency keys in memory.", registry=registry
        )
        self.key_window_lost_seconds = Gauge(
            "catchall_idempotency_window_lost_seconds",
            "How much shorter the key window is than configured: too many keys in some partition.",
            registry=registry,
        )
        self.key_records = Gauge(
            "catchall_key_records_left",
            "Counted records of a partition that are still to be read again for their keys.",
            _PARTITION,
            registry=registry,
        )
        self.oldest = Gauge(
            "catchall_oldest_event_seconds",
            "Age of the oldest event that was read and is not counted yet.",
            registry=registry,
        )
        self.lag = Gauge(
            "kafka_consumergroup_lag",
            "Records of a partition that the worker has not read yet.",
            _PARTITION,
            registry=registry,
        )
        self.committed = Gauge(
            "kafka_consumergroup_current_offset",
            "The committed offset of a partition: every event below it is counted.",
            _PARTITION,
            registry=registry,
        )
