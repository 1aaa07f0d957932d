"""Measure the system next to its references: ``python -m tests.tools.bench``.

Exit status 0: every row was measured, whether it reaches its goal or not; 1: a row was not; 2: the
run could not start. ``--write`` puts the figures of a whole run into the README of this folder;
``--from`` takes them from the JSON files of earlier runs and measures nothing.
"""

from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import uvloop
from rich.console import Console

from deploy.processes.errors import ServersError
from tests.tiers.stack import ROOT
from tests.tools.bench.bench import Bench
from tests.tools.bench.effort import (
    ASSIGNMENT,
    NORMAL,
    QUICK,
    QUICK_ASSIGNMENT,
    AssignmentLoad,
    Effort,
)
from tests.tools.bench.environment.machine import describe_machine, describe_versions
from tests.tools.bench.environment.servers import (
    describe_servers,
    open_bench_servers,
    quieten,
    tier_environment,
)
from tests.tools.bench.measurement.cpu import usable_cores
from tests.tools.bench.report.measured import Measured
from tests.tools.bench.report.readme import write_figures
from tests.tools.bench.report.table import (
    Run,
    from_json,
    to_json,
    to_markdown,
    to_notes,
    to_table,
)
from tests.tools.bench.rows.catalogue import BY_DEFAULT, select
from tests.tools.bench.rows.row import Row, measure

EXIT_NOT_MEASURED = 1
EXIT_NOT_STARTED = 2
EXIT_INTERRUPTED = 130
DEFAULT_ROWS = ",".join(str(row.number) for row in BY_DEFAULT)
RUNS = ROOT / ".local" / "bench"
_TABLE_WIDTH = 180
"""Without a terminal."""


def main(
    *,
    rows: Annotated[str, typer.Option(help="The rows to measure.")] = DEFAULT_ROWS,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="A few seconds a row: does it work at all?"),
    ] = False,
    domains: Annotated[
        int | None, typer.Option(min=1_000, help="The domains of rows 13 and 14.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="How long row 13 sends events.")
    ] = None,
    rate: Annotated[float | None, typer.Option(min=1, help="Events per second of row 13.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="The workers of row 13.")] = 1,
    kill: Annotated[
        bool,
        typer.Option(
            "--kill", help="Kill the last worker of row 13 after four fifths of the time."
        ),
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the run to this file.")
    ] = None,
    markdown_file: Annotated[
        Path | None, typer.Option("--markdown", help="Write the table to this file.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the figures into tests/tools/bench/README.md.")
    ] = False,
    sources: Annotated[
        str,
        typer.Option(
            "--from",
            help="Write the figures of these JSON files (comma-separated); measure nothing.",
        ),
    ] = "",
) -> None:
    """Measure the system; each figure has a reference from the same run."""
    chosen = _select(rows)
    normal = QUICK_ASSIGNMENT if quick else ASSIGNMENT
    load = AssignmentLoad(
        domains=domains or normal.domains,
        minutes=minutes or normal.minutes,
        rate=rate or normal.rate,
        workers=workers,
        kill=kill,
    )
    if sources:
        _write([_read(Path(name)) for name in sources.split(",")])
        return
    if write and (quick or not set(BY_DEFAULT) <= set(chosen)):
        raise typer.BadParameter("--write needs a whole run, or --from.")
    quieten()
    began = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    console = Console(highlight=False, soft_wrap=True)

    def store(run: Run) -> None:
        if json_file is not None:
            json_file.write_text(to_json(run) + "\n", encoding="utf-8")
        if markdown_file is not None:
            markdown_file.write_text(to_markdown(run), encoding="utf-8")

    effort = QUICK if quick else NORMAL
    effort = replace(effort, exported_domains=domains or effort.exported_domains)
    try:
        run = uvloop.run(run_bench(chosen, effort, load, RUNS / began, console, store))
    except ServersError as error:
        console.print(str(error), markup=False)
        raise typer.Exit(EXIT_NOT_STARTED) from error
    except (KeyboardInterrupt, CancelledError) as interrupt:
        # CancelledError occurs before Python 3.13, after a task group of an earlier row has failed.
        console.print("Interrupted: the files have the rows that were measured.")
        raise typer.Exit(EXIT_INTERRUPTED) from interrupt
    _print(run, console)
    if write:
        _write([run])
    if any(measured.error for measured in run.rows):
        raise typer.Exit(EXIT_NOT_MEASURED)


async def run_bench(
    chosen: list[Row],
    effort: Effort,
    load: AssignmentLoad,
    folder: Path,
    console: Console,
    store: Callable[[Run], None],
) -> Run:
    """Start the servers and measure the rows one after the other.

    Calls *store* after each row with the figures so far: the next row may take minutes. Raises
    ServersError if no servers can be started.
    """

    def report(text: str) -> None:
        console.print(text, markup=False)

    measured: list[Measured] = []
    machine, date = describe_machine(), datetime.now(UTC).strftime("%Y-%m-%d")
    async with open_bench_servers(folder, report) as servers:
        bench = Bench(
            folder, servers, tier_environment(servers), effort, usable_cores(), report, load
        )
        versions = describe_versions(ROOT) | await describe_servers(servers)
        for row in chosen:
            report(f"row {row.number}: {row.title}")
            measured.append(await measure(row, bench))
            report(f"row {row.number}: {measured[-1].error or 'measured'}")
            run = Run(
                quick=effort.quick, date=date, machine=machine, versions=versions, rows=measured
            )
            store(run)
    return run


def _select(rows: str) -> list[Row]:
    try:
        return select(rows)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _read(file: Path) -> Run:
    try:
        return from_json(file.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise typer.BadParameter(f"{file}: {error}") from error


def _write(runs: list[Run]) -> None:
    try:
        write_figures(runs)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _print(run: Run, console: Console) -> None:
    wide = console if console.is_terminal else Console(width=_TABLE_WIDTH, highlight=False)
    wide.print(to_table(run))
    for note in to_notes(run):
        console.print(note, markup=False)


if __name__ == "__main__":
    typer.run(main)
