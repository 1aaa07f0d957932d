"""Send a workload to a running system and verify every count: ``python -m tests.load``.

Exit status 0: every count is right; 1: one or more are not; 2: the run could not start.
"""

from pathlib import Path
from secrets import randbelow
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from tests.load.options import DEFAULT_INGEST, DEFAULT_QUERY, LoadOptions, Mode
from tests.load.preflight import PreflightError
from tests.load.run import run_load
from tests.load.table import print_report
from tests.load.watch import open_watcher

DEFAULT_EVENTS = 50_000
EXIT_WRONG = 1
EXIT_NOT_STARTED = 2
EXIT_INTERRUPTED = 130


def main(
    *,
    ingest: Annotated[
        list[str] | None,
        typer.Option(help="An ingest node; repeatable.", show_default=DEFAULT_INGEST[0]),
    ] = None,
    query: Annotated[
        list[str] | None,
        typer.Option(help="A query node; repeatable.", show_default=DEFAULT_QUERY[0]),
    ] = None,
    events: Annotated[
        int | None, typer.Option(min=1, help="How many events.", show_default=str(DEFAULT_EVENTS))
    ] = None,
    duration: Annotated[
        float | None, typer.Option(min=0.001, help="Instead of --events: for how many seconds.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0.001, help="Events due per second.")] = 2_000.0,
    mode: Annotated[
        Mode, typer.Option(help="One event a request, many, or some of them either way.")
    ] = Mode.MIXED,
    put_share: Annotated[
        float, typer.Option(min=0, max=1, help="Of the events in mixed mode, by PUT.")
    ] = 0.5,
    bulk_lines: Annotated[
        int, typer.Option(min=1, max=5_000, help="Events of a bulk request.")
    ] = 500,
    connections: Annotated[
        int, typer.Option(min=1, help="Connections, and so requests in flight.")
    ] = 64,
    seed: Annotated[
        int | None, typer.Option(help="Repeat a run on an empty system.", show_default="by chance")
    ] = None,
    request_timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds until a request counts as unanswered.")
    ] = 10.0,
    verify_timeout: Annotated[
        float, typer.Option(min=0, help="Seconds until every count must be right.")
    ] = 60.0,
    settle: Annotated[
        float, typer.Option(min=0, help="Seconds until all counts are compared once more.")
    ] = 1.0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report to this file too.")
    ] = None,
) -> None:
    """Send the waves profile to a running system on schedule and verify every count."""
    if duration is not None:
        if events is not None:
            raise typer.BadParameter("Give --events or --duration, not both.")
        events = max(1, round(duration * rate))
    options = LoadOptions(
        seed=randbelow(2**32) if seed is None else seed,
        ingest=tuple(ingest or DEFAULT_INGEST),
        query=tuple(query or DEFAULT_QUERY),
        events=DEFAULT_EVENTS if events is None else events,
        rate=rate,
        mode=mode,
        put_share=put_share,
        bulk_lines=bulk_lines,
        connections=connections,
        request_timeout_seconds=request_timeout,
        verify_timeout_seconds=verify_timeout,
        settle_seconds=settle,
    )
    raise typer.Exit(run(options, json_file, Console()))


def run(options: LoadOptions, json_file: Path | None, console: Console) -> int:
    """Run the load, print what was found and return the exit status."""
    try:
        with open_watcher(console) as watcher:
            report = uvloop.run(run_load(options, watcher))
    except PreflightError as error:
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return EXIT_NOT_STARTED
    except KeyboardInterrupt:
        console.print("Interrupted: nothing was verified.")
        return EXIT_INTERRUPTED
    print_report(report, console)
    if json_file is not None:
        json_file.write_text(report.to_json(), encoding="utf-8")
    return 0 if report.ok else EXIT_WRONG


if __name__ == "__main__":
    typer.run(main)
