"""Measure the system beside its references: ``python -m tests.tools.bench``.

Exit status 0: every row was measured, whether it reaches its goal or not; 1: one was not; 2: the
run could not start.
"""

from asyncio import CancelledError
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from deploy.processes.errors import ServersError
from tests.tiers.stack import ROOT
from tests.tools.bench.bench import Bench
from tests.tools.bench.effort import NORMAL, QUICK, Effort
from tests.tools.bench.environment.machine import describe_machine, describe_versions
from tests.tools.bench.environment.servers import (
    describe_servers,
    open_bench_servers,
    quieten,
    tier_environment,
)
from tests.tools.bench.measurement.cpu import usable_cores
from tests.tools.bench.report.table import Run, to_json, to_markdown, to_notes, to_table
from tests.tools.bench.rows.catalogue import ROWS, select
from tests.tools.bench.rows.row import Measured, Row, measure

EXIT_NOT_MEASURED = 1
EXIT_NOT_STARTED = 2
EXIT_INTERRUPTED = 130
ALL_ROWS = ",".join(str(row.number) for row in ROWS)
RUNS = ROOT / ".local" / "bench"
_TABLE_WIDTH = 180
"""Where there is no terminal to ask."""


def main(
    *,
    rows: Annotated[str, typer.Option(help="Which ones.")] = ALL_ROWS,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few seconds each: does it work at all?")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the run to this file too.")
    ] = None,
    markdown_file: Annotated[
        Path | None, typer.Option("--markdown", help="Write the table to this file too.")
    ] = None,
) -> None:
    """Measure the system, each figure beside its reference in the same run."""
    try:
        chosen = select(rows)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    quieten()
    began = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    console = Console(highlight=False, soft_wrap=True)

    def keep(run: Run) -> None:
        if json_file is not None:
            json_file.write_text(to_json(run) + "\n", encoding="utf-8")
        if markdown_file is not None:
            markdown_file.write_text(to_markdown(run), encoding="utf-8")

    effort = QUICK if quick else NORMAL
    try:
        run = uvloop.run(run_bench(chosen, effort, RUNS / began, console, keep))
    except ServersError as error:
        console.print(str(error), markup=False)
        raise typer.Exit(EXIT_NOT_STARTED) from error
    except (KeyboardInterrupt, CancelledError) as interrupt:
        # The latter before Python 3.13, once a task group of an earlier row has failed.
        console.print(
            "Interrupted: the files that were asked for have the rows that were measured."
        )
        raise typer.Exit(EXIT_INTERRUPTED) from interrupt
    _print(run, console)
    if any(measured.error for measured in run.rows):
        raise typer.Exit(EXIT_NOT_MEASURED)


async def run_bench(
    chosen: list[Row], effort: Effort, folder: Path, console: Console, keep: Callable[[Run], None]
) -> Run:
    """Start the servers, measure the rows one after the other and return what was found.

    After each row *keep* is called with all that was found so far: the next may take minutes.
    Raises ServersError where there are no servers to be had.
    """

    def say(text: str) -> None:
        console.print(text, markup=False)

    measured: list[Measured] = []
    machine = describe_machine()
    async with open_bench_servers(folder, say) as servers:
        bench = Bench(folder, servers, tier_environment(servers), effort, usable_cores(), say)
        versions = describe_versions(ROOT) | await describe_servers(servers)
        for row in chosen:
            say(f"row {row.number}: {row.title}")
            measured.append(await measure(row, bench))
            say(f"row {row.number}: {measured[-1].error or 'measured'}")
            keep(Run(quick=effort.quick, machine=machine, versions=versions, rows=measured))
    return Run(quick=effort.quick, machine=machine, versions=versions, rows=measured)


def _print(run: Run, console: Console) -> None:
    wide = console if console.is_terminal else Console(width=_TABLE_WIDTH, highlight=False)
    wide.print(to_table(run))
    for note in to_notes(run):
        console.print(note, markup=False)


if __name__ == "__main__":
    typer.run(main)
