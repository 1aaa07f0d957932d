"""The histogram, compared with HdrHistogram."""

from random import Random

import pytest
from hdrh.histogram import HdrHistogram

from tests.tools.load.measurement.latency import Stopwatch


def test_percentiles_are_those_of_the_library() -> None:
    """Three digits over six powers of ten."""
    random, stopwatch = Random(5), Stopwatch()
    reference = HdrHistogram(1, 3_600_000_000, 3)
    for _ in range(20_000):
        microseconds = int(10 ** random.uniform(0.5, 7))
        stopwatch.record(microseconds / 1_000_000 + 1e-9)
        reference.record_value(microseconds)
    shares = (0.0, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0)
    expected = [reference.get_value_at_percentile(share * 100) / 1_000 for share in shares]
    assert stopwatch.percentiles_ms(shares) == pytest.approx(expected, rel=0.002)


def test_a_negative_time_is_zero() -> None:
    """Clocks may round differently."""
    stopwatch = Stopwatch()
    stopwatch.record(-0.5)
    assert stopwatch.read().max_ms == 0.0
