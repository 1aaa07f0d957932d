"""Compute percentiles from all times of a measurement. Pure."""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple


class Percentiles(NamedTuple):
    """A distribution, in milliseconds."""

    p50: float
    p95: float
    p99: float
    most: float

    def __str__(self) -> str:
        return (
            f"P50 {self.p50:.1f} ms, P95 {self.p95:.1f} ms, P99 {self.p99:.1f} ms, "
            f"max {self.most:.1f} ms"
        )


def percentiles_ms(seconds: Sequence[float]) -> Percentiles:
    """Return the distribution of *seconds*; each percentile is a measured value (nearest rank)."""
    if not seconds:
        raise ValueError("nothing was measured")
    ordered = sorted(seconds)

    def at(percent: float) -> float:
        return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)] * 1_000

    return Percentiles(at(50), at(95), at(99), ordered[-1] * 1_000)
