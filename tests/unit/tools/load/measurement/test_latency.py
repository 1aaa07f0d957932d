"""The histogram, beside the library that is known for it."""

from random import Random

import pytest
from hdrh.histogram import HdrHistogram

from tests.tools.load.measurement.latency import Stopwatch


def test_percentiles_are_those_of_the_library() -> None:
    """Three figures over six powers of ten, as HdrHistogram has them."""
    random, stopwatch = Random(5), Stopwatch()
    reference = HdrHistogram(1, 3_600_000_000, 3)
    for _ in range(20_000):
        microseconds = int(10 ** random.uniform(0.5, 7))
        stopwatch.record(microseconds / 1_000_000 + 1e-9)
        reference.record_value(microseconds)
    shares = (0.0, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0)
    expected = [reference.get_value_at_percentile(share * 100) / 1_000 for share in shares]
    assert stopwatch.percentiles_ms(shares) == pytest.approx(expected, rel=0.002)


def test_a_time_before_the_start_is_none() -> None:
    """Clocks that round differently make no negative times."""
    stopwatch = Stopwatch()
    stopwatch.record(-0.5)
    assert stopwatch.read().max_ms == 0.0


def test_nothing_measured_is_nothing() -> None:
    """A run of which nothing was accepted has zeros in its report."""
    assert Stopwatch().read().requests == 0
    assert Stopwatch().percentiles_ms((0.5, 1.0)) == [0.0, 0.0]
