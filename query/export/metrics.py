"""The metrics of exports and of the totals per status, each declared once."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class ExportMetrics:
    """The metrics of one node's exports."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.clients = Gauge(
            "catchall_export_clients", "Clients that download an export.", registry=registry
        )
        self._exports = Counter(
            "catchall_exports",
            "Exports, by outcome: an interrupted one ended before the last domain.",
            ["outcome"],
            registry=registry,
        )
        self.too_slow = Counter(
            "catchall_export_slow_clients",
            "Exports that ended because the client did not read.",
            registry=registry,
        )
        self.domains = Counter(
            "catchall_export_scanned_domains",
            "Domains read for exports and for the totals per status.",
            registry=registry,
        )
        self.sent_bytes = Counter(
            "catchall_export_sent_bytes", "Bytes of exports sent to clients.", registry=registry
        )
        for outcome in ("complete", "interrupted"):
            self._exports.labels(outcome)

    def record_end(self, *, complete: bool) -> None:
        """Count an export that has ended."""
        self._exports.labels("complete" if complete else "interrupted").inc()
