"""The lag of all workers together."""

from tests.tools.chaos.options import PARTITIONS
from tests.tools.chaos.traffic.pulse import read_lags, total_lag

METRICS = """\
# HELP kafka_consumergroup_lag Records of a partition that are not read yet.
# TYPE kafka_consumergroup_lag gauge
kafka_consumergroup_lag{group="g",partition="0",topic="t"} 17.0
kafka_consumergroup_lag{group="g",partition="11",topic="t"} 1.2e+06
catchall_assigned_partitions 2.0
"""


def test_lags_are_read_from_a_workers_metrics() -> None:
    """By partition; other metrics are ignored."""
    assert read_lags(METRICS) == {0: 17, 11: 1_200_000}


def test_the_lag_is_known_only_while_every_partition_has_an_owner() -> None:
    """A partition without an owner may have any lag."""
    halves = [dict.fromkeys(range(6), 1), dict.fromkeys(range(6, PARTITIONS), 2)]
    assert total_lag(halves) == 6 + 2 * (PARTITIONS - 6)
    assert total_lag(halves[:1]) is None
    assert total_lag([]) is None


def test_of_two_owners_the_larger_lag_counts() -> None:
    """One of them was replaced and has not noticed yet."""
    all_done = dict.fromkeys(range(PARTITIONS), 0)
    assert total_lag([all_done, {3: 50}]) == 50
