"""Send a workload to a running system and verify every count: ``python -m tests.tools.load``.

Exit status 0: every count is right; 1: some are not; 2: the run could not start.
"""

import os
from pathlib import Path
from secrets import randbelow
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from tests.tools.load.client.key import VARIABLE
from tests.tools.load.options import (
    DEFAULT_INGEST,
    DEFAULT_QUERY,
    DEFAULT_WORKERS,
    MOST_DOMAINS,
    LoadOptions,
    Mode,
    Profile,
)
from tests.tools.load.preflight import PreflightError
from tests.tools.load.report.page import page_of
from tests.tools.load.report.table import print_report
from tests.tools.load.report.watch import open_watcher
from tests.tools.load.run import run_load
from tests.tools.load.sending.processes import SendingError

DEFAULT_EVENTS = 50_000
DEFAULT_RATE = 2_000.0
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
    worker_management: Annotated[
        list[str] | None,
        typer.Option(
            help="The management address of a worker, for its lag; repeatable.",
            show_default=DEFAULT_WORKERS[0],
        ),
    ] = None,
    profile: Annotated[
        Profile,
        typer.Option(help="waves: new domains one after the other; wide: many domains that recur."),
    ] = Profile.WAVES,
    domains: Annotated[
        int, typer.Option(min=1, max=MOST_DOMAINS, help="Number of domains in the profile wide.")
    ] = 1_000_000,
    exponent: Annotated[
        float | None,
        typer.Option(
            min=0.01, help="Exponent of Zipf's law in the profile wide.", show_default="uniform"
        ),
    ] = None,
    bounce_share: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of the domains that bounce, in the profile wide."),
    ] = 0.01,
    events: Annotated[
        int | None, typer.Option(min=1, help="Number of events.", show_default=str(DEFAULT_EVENTS))
    ] = None,
    duration: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds to send, instead of --events.")
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0, help="Events due per second; 0: as fast as possible.")
    ] = DEFAULT_RATE,
    as_fast_as_possible: Annotated[
        bool,
        typer.Option("--as-fast-as-possible", help="The answers set the pace; same as --rate 0."),
    ] = False,
    mode: Annotated[Mode, typer.Option(help="Events sent by PUT, in bulk, or both.")] = Mode.MIXED,
    put_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the events sent by PUT, in mixed mode.")
    ] = 0.5,
    bulk_lines: Annotated[
        int, typer.Option(min=1, max=5_000, help="Events in a bulk request.")
    ] = 500,
    connections: Annotated[
        int, typer.Option(min=1, help="Connections; each has one request in flight.")
    ] = 64,
    processes: Annotated[int, typer.Option(min=1, help="Processes that send.")] = 1,
    seed: Annotated[
        int | None,
        typer.Option(help="Repeats a run; needs an empty system.", show_default="random"),
    ] = None,
    ceiling: Annotated[
        bool | None,
        typer.Option(
            help="Measure first how fast this client is against a server that answers at once.",
            show_default="if as fast as possible",
        ),
    ] = None,
    request_timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds until a request counts as unanswered.")
    ] = 10.0,
    verify_timeout: Annotated[
        float, typer.Option(min=0, help="Seconds until every count must be right.")
    ] = 60.0,
    settle: Annotated[
        float, typer.Option(min=0, help="Seconds to wait before all counts are compared once more.")
    ] = 1.0,
    ledger_file: Annotated[
        Path | None,
        typer.Option("--ledger", help="Write what was sent to this file, and compare nothing."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report to this file.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Draw the report as an HTML page in this file.")
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(help="File with an API key, id.secret; the variable CATCHALL_KEY works too."),
    ] = None,
) -> None:
    """Send a workload to a running system on schedule and verify every count."""
    if key_file is not None:
        os.environ[VARIABLE] = key_file.read_text(encoding="ascii").strip()
    if duration is not None and events is not None:
        raise typer.BadParameter("Give --events or --duration, not both.")
    if as_fast_as_possible:
        rate = 0.0
    if duration is not None and rate:
        events, duration = max(1, round(duration * rate)), None
    try:
        options = LoadOptions(
            seed=randbelow(2**32) if seed is None else seed,
            ingest=tuple(ingest or DEFAULT_INGEST),
            query=tuple(query or DEFAULT_QUERY),
            worker_management=tuple(worker_management or DEFAULT_WORKERS),
            profile=profile,
            domains=domains,
            exponent=exponent,
            bounce_share=bounce_share,
            events=DEFAULT_EVENTS if events is None and duration is None else events,
            duration_seconds=duration,
            rate=rate,
            mode=mode,
            put_share=put_share,
            bulk_lines=bulk_lines,
            connections=connections,
            processes=processes,
            ceiling=rate == 0 if ceiling is None else ceiling,
            request_timeout_seconds=request_timeout,
            verify_timeout_seconds=verify_timeout,
            settle_seconds=settle,
            ledger_file="" if ledger_file is None else str(ledger_file),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    raise typer.Exit(run(options, json_file, html_file, Console()))


def run(
    options: LoadOptions, json_file: Path | None, html_file: Path | None, console: Console
) -> int:
    """Run the load, print the report and return the exit status."""
    try:
        with open_watcher(console) as watcher:
            report = uvloop.run(run_load(options, watcher))
    except* (PreflightError, SendingError) as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        status = EXIT_NOT_STARTED
    except* KeyboardInterrupt:
        console.print("Interrupted: nothing was verified.")
        status = EXIT_INTERRUPTED
    else:
        status = 0 if report.ok else EXIT_WRONG
        print_report(report, console)
        if json_file is not None:
            json_file.write_text(report.to_json(), encoding="utf-8")
        if html_file is not None:
            html_file.write_text(page_of(report), encoding="utf-8")
    return status


if __name__ == "__main__":
    typer.run(main)
