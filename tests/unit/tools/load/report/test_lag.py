"""The lag that workers report."""

from tests.tools.load.report.lag import parse_lag


def test_the_lag_is_summed_over_the_partitions() -> None:
    """The lag of a worker that does not report it is unknown, not 0."""
    metrics = (
        "# TYPE kafka_consumergroup_lag gauge\n"
        'kafka_consumergroup_lag{group="g",partition="0",topic="t"} 17.0\n'
        'kafka_consumergroup_lag{group="g",partition="11",topic="t"} 1.2e+03\n'
    )
    assert parse_lag(metrics) == 1_217
    assert parse_lag("up 1\n") is None
