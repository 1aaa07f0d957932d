"""Many runs on every core, or one run in full."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import count, islice
from multiprocessing import get_context

from shared.runtime.lifecycle import tune_garbage_collector
from tests.simulation.mutants.all_mutants import MUTANTS
from tests.simulation.one_run import Result, run
from tests.simulation.world import Parts

_CHUNK = 250


@dataclass(slots=True)
class Total:
    """The results of a range of seeds; ``findings`` have no histories."""

    runs: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    findings: list[Result] = field(default_factory=list)

    def add(self, other: "Total") -> None:
        """Add the results of *other*."""
        self.runs += other.runs
        self.injected.update(other.injected)
        self.findings += other.findings


def parts_of(mutant: str | None) -> Parts:
    """Return the world of *mutant*, or the correct one."""
    return Parts() if mutant is None else MUTANTS[mutant]


def run_seeds(first: int, number: int, mutant: str | None, *, until_found: bool) -> Total:
    """Run *number* seeds from *first* on, in this process."""
    tune_garbage_collector()  # it took a third of the time
    total, parts = Total(), parts_of(mutant)
    for seed in range(first, first + number):
        result = run(seed, parts)
        total.runs += 1
        total.injected.update(result.injected)
        if result.finding:
            total.findings.append(result)
            if until_found:
                break
    return total


def run_many(
    first: int,
    number: int,
    mutant: str | None = None,
    *,
    until_found: bool = True,
    progress: Callable[[int], None] = lambda _: None,
) -> Total:
    """Run *number* seeds from *first* on, on every core; *until_found* stops after a finding."""
    total = Total()
    chunks = _chunks(first, number)
    processes = os.cpu_count() or 1
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:

        def submit(how_many: int) -> set[Future[Total]]:
            return {
                pool.submit(run_seeds, seed, size, mutant, until_found=until_found)
                for seed, size in islice(chunks, how_many)
            }

        under_way = submit(processes * 2)
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                total.add(future.result())
            progress(total.runs)
            if not (until_found and total.findings):
                under_way |= submit(len(done))
    total.findings.sort(key=lambda result: result.seed)
    return total


def _chunks(first: int, number: int) -> Iterator[tuple[int, int]]:
    end = first + number
    for seed in count(first, _CHUNK):
        if seed >= end:
            return
        yield seed, min(_CHUNK, end - seed)


def history_of(seed: int, mutant: str | None = None) -> str:
    """Return the run of *seed* line by line, with its finding at the end."""
    result = run(seed, parts_of(mutant), recording=True)
    planted = f", mutant {mutant}" if mutant else ""
    return "\n".join(
        [
            f"seed {seed}, {result.kind}{planted}",
            *result.history,
            f"seed {seed}, {result.kind}{planted}: {result.finding or 'nothing is wrong'}",
        ]
    )
