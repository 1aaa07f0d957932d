"""The schedule of faults follows from its seed, and leaves a majority except on purpose."""

from collections import Counter
from itertools import pairwise

import pytest

from tests.tools.chaos.faults.schedule import (
    Kind,
    PlannedFault,
    schedule,
)
from tests.tools.chaos.options import WORKERS, Tier

SECONDS = 180.0
SEEDS = range(60)
PAIRS = {
    *((Kind.KILL, tier) for tier in Tier),
    *((Kind.FREEZE, tier) for tier in Tier),
    *((Kind.RESTART, tier) for tier in Tier),
    (Kind.ROTATE, Tier.WORKER),
    (Kind.MOVE, Tier.KAFKA),
    (Kind.LEADERLESS, Tier.KAFKA),
    *((Kind.STEP, tier) for tier in Tier),
    *((Kind.SPLIT, tier) for tier in (Tier.INGEST, Tier.WORKER, Tier.QUERY)),
    (Kind.CUT, Tier.KAFKA),
    (Kind.CUT, Tier.CASSANDRA),
    (Kind.MIN_ISR, Tier.KAFKA),
    (Kind.DISK_FULL, Tier.KAFKA),
}


def affected_tiers(planned: PlannedFault) -> set[Tier]:
    """Return the tiers affected by *planned*."""
    also = {
        Kind.MIN_ISR: {Tier.INGEST},
        Kind.MOVE: {Tier.WORKER},
        Kind.LEADERLESS: {Tier.WORKER},
    }
    return {planned.tier} | also.get(planned.kind, set())


def at_once(planned_faults: list[PlannedFault], tier: Tier) -> int:
    """Return the maximum number of simultaneous faults of *tier*."""
    mine = [s for s in planned_faults if tier in affected_tiers(s)]
    return max(
        (sum(s.at <= other.at < s.at + s.seconds for s in mine) for other in mine), default=0
    )


def test_the_same_seed_is_the_same_schedule() -> None:
    """Kinds, tiers, roles and times; another seed gives another schedule."""
    assert schedule(7, SECONDS) == schedule(7, SECONDS)
    assert schedule(7, SECONDS) != schedule(8, SECONDS)


@pytest.mark.parametrize("tier", [Tier.KAFKA, Tier.CASSANDRA, Tier.INGEST, Tier.QUERY])
def test_at_most_one_node_of_a_tier_has_a_fault(tier: Tier) -> None:
    """A majority of the servers and one ingest node are left at any time."""
    assert max(at_once(schedule(seed, SECONDS), tier) for seed in SEEDS) == 1


def test_a_worker_is_always_left() -> None:
    """Two workers may have faults at once, never all of them."""
    most = {at_once(schedule(seed, SECONDS), Tier.WORKER) for seed in SEEDS}
    assert max(most) == WORKERS - 1


def test_servers_have_time_to_become_whole() -> None:
    """Two faults of one kind of server are as far apart as its recovery needs."""
    for seed in SEEDS:
        for tier, least in ((Tier.KAFKA, 8.0), (Tier.CASSANDRA, 10.0)):
            mine = [s for s in schedule(seed, SECONDS) if s.tier is tier]
            for before, after in pairwise(mine):
                assert after.at >= before.at + before.seconds + least


def test_every_kind_of_fault_on_every_tier_appears() -> None:
    """In sixty runs of three minutes; a single run has most kinds."""
    runs = [schedule(seed, SECONDS) for seed in SEEDS]
    seen = Counter((s.kind, s.tier) for run in runs for s in run)
    assert set(seen) == PAIRS
    assert min(len({s.kind for s in run}) for run in runs) >= 5


def test_all_faults_end_within_the_run() -> None:
    """The end of the run interrupts no fault."""
    for seed in SEEDS:
        assert all(s.at + s.seconds <= SECONDS for s in schedule(seed, SECONDS))


def test_faults_that_the_machine_does_not_allow_are_left_out() -> None:
    """No cuts and no full disks; everything else as usual."""
    left_out = {Kind.CUT, Kind.DISK_FULL}
    planned_faults = [s for seed in SEEDS for s in schedule(seed, SECONDS, left_out=left_out)]
    assert {s.kind for s in planned_faults} == set(Kind) - left_out
