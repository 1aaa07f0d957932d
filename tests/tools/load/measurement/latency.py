"""Record times in a histogram of high dynamic range.

Each second of each process has one, and it is sent between processes. So it contains only the times
that occurred; a histogram of the package hdrhistogram (the oracle of the unit test) has a cell for
every possible time.
"""

from collections.abc import Iterable
from dataclasses import dataclass

FIGURES_BITS = 11
"""Times keep their first eleven bits, three decimal digits; below 2 ms nothing is rounded."""
_EXACT_MICROSECONDS = 1 << FIGURES_BITS

Buckets = dict[int, int]
"""The number of occurrences by time in microseconds. Times are rounded, so there are few."""


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution, in milliseconds."""

    requests: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


def record(buckets: Buckets, seconds: float) -> None:
    """Add one time to *buckets*."""
    microseconds = int(seconds * 1_000_000)
    if microseconds >= _EXACT_MICROSECONDS:
        shift = microseconds.bit_length() - FIGURES_BITS
        microseconds = microseconds >> shift << shift
    elif microseconds < 0:
        microseconds = 0
    buckets[microseconds] = buckets.get(microseconds, 0) + 1


class Stopwatch:
    """The times of many requests."""

    def __init__(self) -> None:
        self._buckets: Buckets = {}

    def record(self, seconds: float) -> None:
        """Add one time."""
        record(self._buckets, seconds)

    def add(self, buckets: Buckets) -> None:
        """Add the times of another histogram."""
        own = self._buckets
        for microseconds, times in buckets.items():
            own[microseconds] = own.get(microseconds, 0) + times

    def add_all(self, other: "Stopwatch") -> None:
        """Add the times of *other*."""
        self.add(other._buckets)

    def percentiles_ms(self, shares: Iterable[float]) -> list[float]:
        """Return the times below which the given shares (0 to 1, ascending) of the requests lie."""
        total = sum(self._buckets.values())
        ordered = iter(sorted(self._buckets.items()))
        found: list[float] = []
        seen, microseconds = 0, 0
        for share in shares:
            while seen < total and (seen == 0 or seen < share * total):
                microseconds, times = next(ordered)
                seen += times
            found.append(microseconds / 1_000)
        return found

    def read(self) -> Latency:
        """Return the distribution so far."""
        p50, p95, p99, longest = self.percentiles_ms((0.5, 0.95, 0.99, 1.0))
        return Latency(sum(self._buckets.values()), p50, p95, p99, longest)
