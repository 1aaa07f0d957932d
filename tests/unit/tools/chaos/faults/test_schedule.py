"""The schedule of faults: a function of its seed, and never a majority but on purpose."""

from collections import Counter
from itertools import pairwise

import pytest

from tests.tools.chaos.faults.schedule import (
    MAX_SECONDS,
    PAUSE_SECONDS,
    UNABLE_LEAD_SECONDS,
    UNABLE_TAIL_SECONDS,
    Kind,
    Strike,
    Tier,
    schedule,
)
from tests.tools.chaos.options import WORKERS

SECONDS = 180.0
SEEDS = range(60)
PAIRS = {
    *((Kind.KILL, tier) for tier in Tier),
    *((Kind.FREEZE, tier) for tier in Tier),
    *((Kind.RESTART, tier) for tier in Tier),
    (Kind.ROTATE, Tier.WORKER),
    (Kind.CUT, Tier.KAFKA),
    (Kind.CUT, Tier.CASSANDRA),
    (Kind.MIN_ISR, Tier.KAFKA),
    (Kind.DISK_FULL, Tier.KAFKA),
}


def struck(strike: Strike) -> set[Tier]:
    """Return the tiers that *strike* harms."""
    return {Tier.KAFKA, Tier.INGEST} if strike.kind is Kind.MIN_ISR else {strike.tier}


def at_once(strikes: list[Strike], tier: Tier) -> int:
    """Return how many strikes on *tier* last at one time, at most."""
    mine = [s for s in strikes if tier in struck(s)]
    return max(
        (sum(s.at <= other.at < s.at + s.seconds for s in mine) for other in mine), default=0
    )


def test_the_same_seed_is_the_same_schedule() -> None:
    """Kinds, tiers, roles, times: all of it; another seed gives another one."""
    assert schedule(7, SECONDS) == schedule(7, SECONDS)
    assert schedule(7, SECONDS) != schedule(8, SECONDS)


@pytest.mark.parametrize("tier", [Tier.KAFKA, Tier.CASSANDRA, Tier.INGEST, Tier.QUERY])
def test_at_most_one_node_of_a_tier_is_struck_at_once(tier: Tier) -> None:
    """A majority of the servers and one ingest node are left at any time."""
    assert max(at_once(schedule(seed, SECONDS), tier) for seed in SEEDS) == 1


def test_a_worker_is_always_left() -> None:
    """Two workers may be struck at once, never all of them."""
    most = {at_once(schedule(seed, SECONDS), Tier.WORKER) for seed in SEEDS}
    assert max(most) == WORKERS - 1


def test_servers_have_time_to_become_whole() -> None:
    """Between two strikes on one kind of server there is what its recovery takes."""
    for seed in SEEDS:
        for tier, least in ((Tier.KAFKA, 8.0), (Tier.CASSANDRA, 10.0)):
            mine = [s for s in schedule(seed, SECONDS) if s.tier is tier]
            for before, after in pairwise(mine):
                assert after.at >= before.at + before.seconds + least


def test_every_kind_of_fault_on_every_tier_appears() -> None:
    """Sixty runs of three minutes meet all there is; a single one meets most kinds."""
    runs = [schedule(seed, SECONDS) for seed in SEEDS]
    seen = Counter((s.kind, s.tier) for run in runs for s in run)
    assert set(seen) == PAIRS
    assert min(len({s.kind for s in run}) for run in runs) >= 5


def test_faults_come_every_few_seconds_and_some_at_once() -> None:
    """About one every five to nine seconds; two at once are of different kinds and tiers."""
    pairs = 0
    for seed in SEEDS:
        strikes = schedule(seed, SECONDS)
        times = sorted({s.at for s in strikes})
        assert SECONDS / PAUSE_SECONDS[1] / 2 <= len(times) <= SECONDS / PAUSE_SECONDS[0]
        for at in times:
            together = [s for s in strikes if s.at == at]
            assert (
                len(together) == len({s.kind for s in together}) == len({s.tier for s in together})
            )
            pairs += len(together) > 1
    assert pairs > len(SEEDS)


def test_freezes_and_windows_have_useful_lengths() -> None:
    """Some workers sleep beyond their session; Kafka is unable for some seconds at least."""
    strikes = [s for seed in SEEDS for s in schedule(seed, SECONDS)]
    freezes = [s.seconds for s in strikes if s.kind is Kind.FREEZE]
    assert 1.0 <= min(freezes) < max(freezes) <= MAX_SECONDS
    assert any(s.seconds > 6 for s in strikes if (s.kind, s.tier) == (Kind.FREEZE, Tier.WORKER))
    windows = [s.seconds for s in strikes if s.kind is Kind.MIN_ISR]
    assert min(windows) > UNABLE_LEAD_SECONDS + UNABLE_TAIL_SECONDS + 3.0


def test_all_faults_end_within_the_run() -> None:
    """Nothing is planned that the run's end would cut short."""
    for seed in SEEDS:
        assert all(s.at + s.seconds <= SECONDS for s in schedule(seed, SECONDS))


def test_what_the_machine_does_not_allow_is_left_out() -> None:
    """No cuts and no full disks there; everything else as ever."""
    strikes = [s for seed in SEEDS for s in schedule(seed, SECONDS, cut=False, small_disk=False)]
    kinds = {s.kind for s in strikes}
    assert kinds == set(Kind) - {Kind.CUT, Kind.DISK_FULL}
