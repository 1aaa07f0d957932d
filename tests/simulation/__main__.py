"""Run many simulated worlds, or print one: ``python -m tests.simulation``.

Exit status 0: no finding; 1: a finding, printed with its seed and history.
"""

import time
from typing import Annotated

import typer
from rich.console import Console

from tests.simulation.mutants.all_mutants import MUTANTS
from tests.simulation.runs import history_of, run_many

EXIT_FOUND = 1


def main(
    *,
    runs: Annotated[int, typer.Option(min=1, help="How many runs.")] = 20_000,
    seed_from: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    mutant: Annotated[str | None, typer.Option(help="Plant this mistake.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Print this one run instead.")] = None,
) -> None:
    """Run the worker's rules in simulated worlds, and check every answer against the truth."""
    if mutant is not None and mutant not in MUTANTS:
        raise typer.BadParameter(f"one of {', '.join(MUTANTS)}", param_hint="--mutant")
    console = Console(highlight=False, soft_wrap=True)
    if seed is not None:
        text = history_of(seed, mutant)
        console.print(text, markup=False)
        raise typer.Exit(0 if text.endswith("nothing is wrong") else EXIT_FOUND)
    begun = time.monotonic()
    with console.status("") as status:
        total = run_many(
            seed_from, runs, mutant, progress=lambda done: status.update(f"{done:,} runs")
        )
    seconds = time.monotonic() - begun
    for fault, times in sorted(total.injected.items()):
        console.print(f"{times:>12,}  {fault}")
    rate = total.runs / seconds
    console.print(f"{total.runs:,} runs from seed {seed_from} in {seconds:.0f} s, {rate:.0f}/s")
    if total.findings:
        first = total.findings[0]
        console.print(history_of(first.seed, mutant), markup=False)
        console.print(f"{len(total.findings)} findings; the first is seed {first.seed}")
        raise typer.Exit(EXIT_FOUND)
    console.print("nothing is wrong")


if __name__ == "__main__":
    typer.run(main)
