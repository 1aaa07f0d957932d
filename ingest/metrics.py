"""The metrics of an ingest node, each declared once.

Counters that change with every request are plain integers, rendered at each scrape.
"""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from ingest.admission import Admission
from shared.kafka.producer_topic import ProducerTopic

_LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0)
_SIZE_BUCKETS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 50_000)


class IngestMetrics(Collector):
    """The metrics of one node. ``acknowledged`` and ``failed`` count events."""

    def __init__(self, registry: CollectorRegistry, admission: Admission) -> None:
        self.acknowledged = 0
        self.failed = 0
        self._rejected_lines: Counter[str] = Counter()
        self._reports: Counter[tuple[str, str]] = Counter()
        self._admission = admission
        self._batch_seconds = Histogram(
            "catchall_ingest_batch_seconds",
            "Time from sending a batch to Kafka's response.",
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        self._batch_records = Histogram(
            "catchall_ingest_batch_records",
            "Records per batch.",
            buckets=_SIZE_BUCKETS,
            registry=registry,
        )
        registry.register(self)

    def record_batch(self, records: int, seconds: float) -> None:
        """Record a batch that Kafka has answered."""
        self._batch_seconds.observe(seconds)
        self._batch_records.observe(records)

    def count_rejected_line(self, code: str) -> None:
        """Count a rejected line of a bulk request by its problem code."""
        self._rejected_lines[code] += 1

    def count_report(self, provider: str, verdict: str) -> None:
        """Count a report of a mail provider by the verdict on it."""
        self._reports[provider, verdict] += 1

    def collect(self) -> Iterator[Metric]:
        """Return all metrics, for a scrape."""
        events = CounterMetricFamily(
            "catchall_ingest_events",
            "Events by outcome: acknowledged by Kafka, or failed (503).",
            labels=["outcome"],
        )
        events.add_metric(["acknowledged"], self.acknowledged)
        events.add_metric(["failed"], self.failed)
        yield events
        rejected = CounterMetricFamily(
            "catchall_ingest_rejected_lines",
            "Rejected lines of bulk requests, by problem code.",
            labels=["code"],
        )
        for code, number in self._rejected_lines.items():
            rejected.add_metric([code], number)
        yield rejected
        reports = CounterMetricFamily(
            "catchall_ingest_webhook_reports",
            "Reports of mail providers by what they prove: delivered, bounced or nothing.",
            labels=["provider", "verdict"],
        )
        for labels, number in self._reports.items():
            reports.add_metric(labels, number)
        yield reports
        yield GaugeMetricFamily(
            "catchall_ingest_in_flight_events",
            "Events in flight, from their arrival to Kafka's response.",
            value=self._admission.events,
        )
        yield GaugeMetricFamily(
            "catchall_ingest_in_flight_bytes",
            "Bytes of the events in flight.",
            value=self._admission.bytes,
        )


class TopicMetrics(Collector):
    """The metrics of the node's topic, from the moment it is open."""

    def __init__(self, registry: CollectorRegistry, topic: ProducerTopic) -> None:
        self._topic = topic
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Return all metrics, for a scrape."""
        yield GaugeMetricFamily(
            "catchall_topic_partitions",
            "Partitions of the topic of events, read when the node started.",
            value=self._topic.partitions,
        )
        yield CounterMetricFamily(
            "catchall_ingest_producers_replaced",
            "Kafka producers that were replaced: they had failed for good, or served for long.",
            value=self._topic.producers_replaced,
        )
