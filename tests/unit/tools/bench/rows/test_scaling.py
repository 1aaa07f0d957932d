"""How what several processes reached becomes a line of the table."""

from tests.tools.bench.client.pump_job import PumpResult
from tests.tools.bench.measurement.percentile import percentiles_ms
from tests.tools.bench.rows.scaling import Scaled, scaled_of


def result(seconds: float, server: float) -> PumpResult:
    """Return what a pump saw of a node that used *server* CPU seconds."""
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


def test_several_pumps_are_one_line() -> None:
    """Nodes and clients add up; the servers, whom each pump saw, are counted once."""
    found = scaled_of(2, [result(10.0, 4.0), result(10.0, 6.0)], 500)

    assert found.per_second == 50.0
    assert found.cores == {"nodes": 1.0, "client": 0.2, "kafka-1": 0.3}


def test_a_line_is_beside_what_one_process_reached() -> None:
    """So the ratio says what the others brought."""
    one, two = Scaled(1, 100.0, {"nodes": 1.0}), Scaled(2, 150.0, {"nodes": 1.5})
    figure = two.figure("scaling", "1/s", one)

    assert (figure.name, figure.ratio) == ("scaling, 2 process(es)", 1.5)
    assert figure.detail == "cores used: nodes 1.50"
    assert one.figure("scaling", "1/s", None).ratio is None
