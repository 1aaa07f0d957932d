"""What a query node counts. Each metric is declared here once."""

from prometheus_client import CollectorRegistry, Counter

from shared.status import Status


class QueryMeters:
    """The meters of one node."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answers = Counter(
            "catchall_answers", "Domains answered, by status.", ["status"], registry=registry
        )
        self._refused = Counter(
            "catchall_query_refused", "Domains refused, by code.", ["code"], registry=registry
        )

    def answered(self, status: Status) -> None:
        """Note one answer."""
        self._answers.labels(status).inc()

    def refused(self, code: str) -> None:
        """Note one refusal by its stable code."""
        self._refused.labels(code).inc()
