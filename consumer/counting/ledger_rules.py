"""The rules of a worker for all of its partitions."""

from dataclasses import dataclass

from consumer.counting.rows.superseded import Retention


@dataclass(frozen=True, slots=True)
class LedgerRules:
    """What holds for every partition of a worker."""

    buckets: int
    threshold: int
    min_interval_seconds: float
    """Between two writes of a bucket whose counts merely move."""
    retention: Retention
