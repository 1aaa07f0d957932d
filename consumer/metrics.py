"""What a worker counts. Each metric is declared here once."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
_PARTITION = ("group", "topic", "partition")
_END_TO_END_BUCKETS = (*_SECONDS_BUCKETS, 16.0, 32.0, 64.0, 300.0)


class WorkerMetrics:
    """The meters of one worker; written per batch, never per record."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "catchall_records", "Records read from the topic.", registry=registry
        )
        self.replayed = Counter(
            "catchall_records_replayed",
            "Records that were read again after they had been counted, and skipped.",
            registry=registry,
        )
        self.duplicates = Counter(
            "catchall_events_duplicate",
            "Events that repeat an idempotency key, and are not counted.",
            registry=registry,
        )
        self.dead_letters = Counter(
            "catchall_dead_letters", "Records that could not be decoded.", registry=registry
        )
        writes = Counter(
            "catchall_counter_writes",
            "Updates of counter rows by outcome: ok, or dropped (the row is left).",
            ["outcome"],
            registry=registry,
        )
        self.writes_ok = writes.labels("ok")
        self.writes_dropped = writes.labels("dropped")
        self.write_seconds = Histogram(
            "catchall_counter_write_seconds",
            "One request of counter updates, whatever its outcome.",
            buckets=_SECONDS_BUCKETS,
            registry=registry,
        )
        self.read_seconds = Histogram(
            "catchall_counter_read_seconds",
            "One request for the rows of domains seen for the first time.",
            buckets=_SECONDS_BUCKETS,
            registry=registry,
        )
        self.end_to_end_seconds = Histogram(
            "catchall_end_to_end_seconds",
            "From Kafka's time of append to the acknowledged counter: of each update of a domain, "
            "for the oldest event in it.",
            buckets=_END_TO_END_BUCKETS,
            registry=registry,
        )
        self.changes_published = Counter(
            "catchall_changes_published",
            "Changes of status that the topic of changes has.",
            registry=registry,
        )
        self.changes_unpublished = Gauge(
            "catchall_changes_unpublished",
            "Changes of status that are counted, and not in the topic of changes yet.",
            registry=registry,
        )
        self.row_epoch = Gauge(
            "catchall_row_epoch",
            "How often all rows were left because a node of the store may have restarted.",
            registry=registry,
        )
        self.rows_deleted = Counter(
            "catchall_rows_deleted", "Superseded rows that were deleted.", registry=registry
        )
        self.audited = Counter(
            "catchall_audited_domains",
            "Domains that were read again to compare them with what is remembered.",
            registry=registry,
        )
        self.audit_mismatches = Counter(
            "catchall_audit_mismatches",
            "Audited domains of which the store had lost something that it had acknowledged.",
            registry=registry,
        )
        self.rebalances = Counter(
            "catchall_rebalances", "Assignments of partitions to this worker.", registry=registry
        )
        self.assigned = Gauge(
            "catchall_assigned_partitions", "Partitions of this worker.", registry=registry
        )
        self.paused = Gauge(
            "catchall_paused_partitions",
            "Partitions that are not read because the store or the topic of changes is behind.",
            registry=registry,
        )
        self.domains = Gauge(
            "catchall_domains_in_memory", "Domains that are known.", registry=registry
        )
        self.oldest = Gauge(
            "catchall_oldest_event_seconds",
            "The age of the oldest event that was read and is not being written yet.",
            registry=registry,
        )
        self.lag = Gauge(
            "kafka_consumergroup_lag",
            "Records of a partition that are not read yet.",
            _PARTITION,
            registry=registry,
        )
        self.committed = Gauge(
            "kafka_consumergroup_current_offset",
            "The offset of a partition that is committed: below it all is counted.",
            _PARTITION,
            registry=registry,
        )
