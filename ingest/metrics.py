"""What an ingest node counts. Each metric is declared here once."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ingest.admission import Admission

_LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0)
_SIZE_BUCKETS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 50_000)


class IngestMeters:
    """The meters of one node; written per batch or refusal, never per event."""

    def __init__(self, registry: CollectorRegistry, admission: Admission) -> None:
        events = Counter(
            "catchall_ingest_events",
            "Events by what became of them: acknowledged, or failed (503).",
            ["outcome"],
            registry=registry,
        )
        self._acknowledged = events.labels("acknowledged")
        self._failed = events.labels("failed")
        self._refused = Counter(
            "catchall_ingest_refused",
            "Requests and lines that were refused before Kafka, by code.",
            ["code"],
            registry=registry,
        )
        self._batch_seconds = Histogram(
            "catchall_ingest_batch_seconds",
            "From sending a batch to Kafka's answer.",
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        self._batch_events = Histogram(
            "catchall_ingest_batch_events",
            "Events in one batch.",
            buckets=_SIZE_BUCKETS,
            registry=registry,
        )
        Gauge(
            "catchall_ingest_in_flight_events",
            "Events between arrival and Kafka's answer.",
            registry=registry,
        ).set_function(lambda: admission.events)
        Gauge(
            "catchall_ingest_in_flight_bytes",
            "Their bytes.",
            registry=registry,
        ).set_function(lambda: admission.bytes)

    def batch(self, events: int, seconds: float, *, failed: bool) -> None:
        """Note one answered batch."""
        (self._failed if failed else self._acknowledged).inc(events)
        self._batch_seconds.observe(seconds)
        self._batch_events.observe(events)

    def refused(self, code: str) -> None:
        """Note one refusal by its stable code."""
        self._refused.labels(code).inc()
