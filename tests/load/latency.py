"""Measure times into a histogram of high dynamic range."""

from dataclasses import dataclass

from hdrh.histogram import HdrHistogram

_MAX_MICROSECONDS = 3_600_000_000
_SIGNIFICANT_FIGURES = 3


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution, in milliseconds."""

    requests: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Stopwatch:
    """The times of many requests."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, _MAX_MICROSECONDS, _SIGNIFICANT_FIGURES)

    def record(self, seconds: float) -> None:
        """Add one time."""
        microseconds = round(seconds * 1_000_000)
        self._histogram.record_value(min(max(microseconds, 0), _MAX_MICROSECONDS))

    def read(self) -> Latency:
        """Return the distribution so far."""
        p50, p95, p99 = (
            self._histogram.get_value_at_percentile(percentile) / 1_000
            for percentile in (50, 95, 99)
        )
        return Latency(
            requests=self._histogram.get_total_count(),
            p50_ms=p50,
            p95_ms=p95,
            p99_ms=p99,
            max_ms=self._histogram.get_max_value() / 1_000,
        )
