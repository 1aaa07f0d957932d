"""The metrics of a query node, each declared once.

Counters that change with every request are plain integers, rendered at each scrape.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from shared.model.status import Status


class QueryMetrics(Collector):
    """The meters of one node."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.answers = dict.fromkeys(Status, 0)
        self.reads = 0
        self._rejected_domains: Counter[str] = Counter()
        self.cached: Callable[[], tuple[int, int]] = lambda: (0, 0)
        """Called at each scrape: the domains in memory with a final answer, and the others."""
        registry.register(self)

    def count_rejected_domain(self, code: str) -> None:
        """Count a domain of a bulk request that was answered with an error, by its problem code."""
        self._rejected_domains[code] += 1

    def collect(self) -> Iterator[Metric]:
        """Return all metrics, for a scrape."""
        answers = CounterMetricFamily(
            "catchall_answers", "Domains answered, by status.", labels=["status"]
        )
        for status, number in self.answers.items():
            answers.add_metric([status], number)
        yield answers
        rejected = CounterMetricFamily(
            "catchall_query_rejected_domains",
            "Domains of bulk requests answered with an error, by problem code.",
            labels=["code"],
        )
        for code, number in self._rejected_domains.items():
            rejected.add_metric([code], number)
        yield rejected
        yield CounterMetricFamily(
            "catchall_query_reads", "Domains read from Cassandra.", value=self.reads
        )
        cached = GaugeMetricFamily(
            "catchall_query_cached_domains", "Domains in memory, by kind.", labels=["kind"]
        )
        final, others = self.cached()
        cached.add_metric(["final"], final)
        cached.add_metric(["other"], others)
        yield cached
