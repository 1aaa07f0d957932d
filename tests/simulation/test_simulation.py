"""The worker's rules in 20,000 worlds, and what makes those worth something."""

import subprocess
import sys

from tests.simulation.runs import run_many, story
from tests.simulation.world import Kind, Parts, kind_of, run

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
    "record that is none",
    "request late",
    "request lost",
    "worker frozen",
    "worker killed",
    "worker stale",
    "worker stopped",
    "(upkeep) audits",
    "(upkeep) rows deleted",
]


def test_no_world_shows_or_commits_anything_wrong() -> None:
    """Every read is true at its offset and never goes back; once healed, all is right."""
    total = run_many(0, RUNS)
    assert not total.findings, story(total.findings[0].seed)
    assert total.runs == RUNS
    # A world that is too kind proves nothing.
    rare = {fault: total.injected[fault] for fault in FAULTS if total.injected[fault] < RUNS / 100}
    assert not rare


def test_the_same_seed_gives_the_same_run() -> None:
    """Also in another process, with another hash seed; another seed gives another run."""
    told = [story(seed) for seed in range(4)]
    assert told == [story(seed) for seed in range(4)]
    assert len(set(told)) == len(told)
    code = "from tests.simulation.runs import story; [print(story(s)) for s in range(4)]"
    for hash_seed in ("1", "2"):
        again = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": hash_seed},
        )
        assert again.stdout.splitlines() == "\n".join(told).splitlines()


def test_recording_changes_nothing() -> None:
    """A failed run is told by running it again, so the telling must not disturb it."""
    for seed in range(20):
        plain, told = run(seed, Parts()), run(seed, Parts(), recording=True)
        assert plain.injected == told.injected
        assert not plain.history
        assert told.history


def test_runs_are_of_both_kinds() -> None:
    """Safety needs no end of the faults, liveness does."""
    assert {kind_of(seed) for seed in range(8)} == set(Kind)
