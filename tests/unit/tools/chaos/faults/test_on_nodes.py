"""Which servers a process does not reach."""

from typing import Any

import pytest

from tests.tools.chaos.faults.on_nodes import out_of_reach
from tests.tools.chaos.faults.schedule import Kind, PlannedFault, Role
from tests.tools.chaos.options import SERVERS, Tier

NODES: dict[Tier, Any] = {
    tier: [(tier, number) for number in range(SERVERS)] for tier in (Tier.KAFKA, Tier.CASSANDRA)
}


@pytest.mark.parametrize(
    ("tier", "used"),
    [
        (Tier.INGEST, {Tier.KAFKA}),
        (Tier.WORKER, {Tier.KAFKA, Tier.CASSANDRA}),
        (Tier.QUERY, {Tier.KAFKA, Tier.CASSANDRA}),
    ],
)
def test_a_process_still_reaches_some_servers_of_each_kind(tier: Tier, used: set[Tier]) -> None:
    """One or two of three are out of reach, any of them, of a kind that the tier uses."""
    plans = (PlannedFault(0.0, 5.0, Kind.SPLIT, tier, Role.ANY, index) for index in range(60))
    found: list[Any] = [out_of_reach(NODES, planned) for planned in plans]

    assert {len(set(each)) for each in found} == {1, 2}
    assert all(len({kind for kind, _ in each}) == 1 for each in found)
    expected = {(kind, number) for kind in used for number in range(SERVERS)}
    assert {server for each in found for server in each} == expected
