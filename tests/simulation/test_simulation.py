"""The worker's rules in 20,000 worlds, and what makes these worlds hard enough."""

import subprocess
import sys

import pytest

from tests.simulation.cassandra.store import Store
from tests.simulation.cassandra.store_nodes import NOTICE_SECONDS
from tests.simulation.cassandra.updates import Update
from tests.simulation.one_run import Kind, kind_of, run
from tests.simulation.runs import history_of, run_many
from tests.simulation.schedule import Schedule
from tests.simulation.world import Parts

RUNS = 20_000
FAULTS = [
    "answer lost",
    "answer to change lost",
    "answer to commit lost",
    "change lost",
    "commit lost",
    "commit refused",
    "committed offset went back",
    "copy late",
    "copy lost",
    "leader died before answering",
    "leader died before replicating",
    "node cut off",
    "node killed",
    "node lost writes",
    "read failed",
    "rebalance",
    "set without a quorum",
    "undecodable record",
    "record of many domains",
    "request late",
    "request lost",
    "worker frozen",
    "worker's clock set",
    "worker killed",
    "worker stale",
    "worker stopped",
    "(worker) memory kept",
    "(upkeep) audits",
    "(upkeep) rows deleted",
]


def test_no_world_shows_or_commits_anything_wrong() -> None:
    """Every read is true and never goes back; after the faults everything becomes right."""
    total = run_many(0, RUNS)
    assert not total.findings, history_of(total.findings[0].seed)
    assert total.runs == RUNS
    # A world without enough faults proves nothing.
    rare = {fault: total.injected[fault] for fault in FAULTS if total.injected[fault] < RUNS / 100}
    assert not rare


def test_the_same_seed_gives_the_same_run() -> None:
    """This holds in another process with another hash seed, too; another seed gives another run."""
    histories = [history_of(seed) for seed in range(4)]
    assert histories == [history_of(seed) for seed in range(4)]
    assert len(set(histories)) == len(histories)
    code = "from tests.simulation.runs import history_of; [print(history_of(s)) for s in range(4)]"
    for hash_seed in ("1", "2"):
        again = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": hash_seed},
        )
        assert again.stdout.splitlines() == "\n".join(histories).splitlines()


def test_recording_changes_nothing() -> None:
    """A failed run is recorded by a second run, so recording must not change it."""
    for seed in range(20):
        plain, recorded = run(seed, Parts()), run(seed, Parts(), recording=True)
        assert plain.injected == recorded.injected
        assert not plain.history
        assert recorded.history


def test_runs_are_of_every_kind() -> None:
    """Safety runs never end their faults, liveness runs do, and a few runs are long."""
    assert {kind_of(seed) for seed in range(50)} == set(Kind)


@pytest.mark.parametrize(
    ("seconds", "spared"),
    [(-0.5 * NOTICE_SECONDS, True), (0.5 * NOTICE_SECONDS, True), (1.5 * NOTICE_SECONDS, False)],
)
def test_only_what_was_sent_before_a_loss_was_noticed_is_spared(
    seconds: float, *, spared: bool
) -> None:
    """Afterwards the sender has new rows, which a node without its writes may lead."""
    schedule = Schedule(1)
    store = Store(schedule, 0.0, "node")
    update = Update("a.example", bytes(16), 1, 0, 1)

    def send_through_a_slow_network() -> None:
        store.trouble = 1.0
        for _ in range(100):
            store.send("0", [update], lambda _: None)
        store.trouble = 0.0

    schedule.after(20.0, lambda: store.crash(store.replicas[0], losing=True))
    schedule.after(20.0 + seconds, send_through_a_slow_network)
    schedule.run(50.0)
    assert (schedule.injected["(spared) late at a node that lost writes"] > 0) is spared
