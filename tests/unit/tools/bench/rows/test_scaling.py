"""One figure from several processes."""

from tests.tools.bench.client.pump_job import PumpResult
from tests.tools.bench.measurement.percentile import percentiles_ms
from tests.tools.bench.rows.scaling import scaled_of


def result(seconds: float, server: float) -> PumpResult:
    """Return the result of a pump whose node used *server* CPU seconds."""
    return PumpResult(
        seconds=seconds,
        statuses={200: 10},
        good=10,
        events=10,
        lost=0,
        times=percentiles_ms([0.001]),
        cpu={"server": server, "kafka-1": 3.0},
        own_cpu=1.0,
    )


def test_several_pumps_are_one_figure() -> None:
    """Nodes and clients add up; the servers, which each pump watched, count once."""
    found = scaled_of(2, [result(10.0, 4.0), result(10.0, 6.0)], 500)

    assert found.per_second == 50.0
    assert found.cores == {"nodes": 1.0, "client": 0.2, "kafka-1": 0.3}
