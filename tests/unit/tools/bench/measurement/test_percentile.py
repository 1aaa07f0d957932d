"""Percentiles of measured times."""

import pytest

from tests.tools.bench.measurement.percentile import percentiles_ms


def test_a_percentile_is_a_measured_time() -> None:
    """Of 1 to 100 ms, in any order, P95 is 95 ms."""
    seconds = [ms / 1_000 for ms in range(100, 0, -1)]
    assert percentiles_ms(seconds) == pytest.approx((50.0, 95.0, 99.0, 100.0))


def test_percentiles_need_a_measurement() -> None:
    """Without one there is an error, not zero."""
    with pytest.raises(ValueError, match="nothing"):
        percentiles_ms([])
