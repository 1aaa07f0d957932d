"""Inject faults into a whole system under load, check every count: ``python -m tests.tools.chaos``.

Exit status 0: every exercised guarantee held; 1: there is a finding; 2: it could not run.
"""

import asyncio
import logging
import shutil
from datetime import UTC, datetime
from pathlib import Path
from secrets import randbelow
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from deploy.processes.errors import ServersError
from deploy.servers import docker
from deploy.servers.cluster import CommitLog
from tests.tools.chaos.check.rules import collect, judge
from tests.tools.chaos.faults.clocks import find_library
from tests.tools.chaos.faults.isolation import Isolation, isolate
from tests.tools.chaos.history import read_history
from tests.tools.chaos.opening import fetch_all
from tests.tools.chaos.options import DEFAULT_RATE, ChaosOptions
from tests.tools.chaos.report.summary import print_verdict, summarize
from tests.tools.chaos.report.timeline import write_html
from tests.tools.chaos.run import CLOCKS, Outcome, run_chaos
from tests.tools.chaos.system import ROOT

EXIT_FINDING = 1
EXIT_NOT_RUN = 2
EXIT_INTERRUPTED = 130
RUNS = ROOT / ".local" / "chaos"
_LEAST_MINUTES = 0.5


def main(
    *,
    seed: Annotated[
        int | None, typer.Option(help="Repeats the faults of a run.", show_default="random")
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=_LEAST_MINUTES, help="Duration of load and faults.")
    ] = 3.0,
    rate: Annotated[float, typer.Option(min=1, help="Events per second.")] = DEFAULT_RATE,
    commit_log: Annotated[
        CommitLog, typer.Option(help="When Cassandra syncs its commit log (commitlog_sync).")
    ] = CommitLog.GROUP,
    directory: Annotated[
        Path | None,
        typer.Option(help="Folder for the files of the run.", show_default=".local/chaos/..."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the servers' data, too.")] = False,
) -> None:
    """Inject faults into a whole system under load and check every count."""
    seed = randbelow(2**32) if seed is None else seed
    began = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    directory = (directory or RUNS / f"{seed}-{began}").resolve()
    console = Console(highlight=False, soft_wrap=True)
    for client in ("aiokafka", "cassandra"):
        # They log every broken connection, and breaking connections is the purpose of a run.
        logging.getLogger(client).setLevel(logging.CRITICAL)
    console.print(f"seed {seed}, in {directory}", markup=False)
    try:
        status = _run(seed, minutes, rate, commit_log, directory, console)
    except ServersError as error:
        console.print(str(error), markup=False)
        status = EXIT_NOT_RUN
    except KeyboardInterrupt:
        console.print("Interrupted: nothing was checked.")
        status = EXIT_INTERRUPTED
    if not keep:
        _remove_data(directory)
    raise typer.Exit(status)


def _run(
    seed: int,
    minutes: float,
    rate: float,
    commit_log: CommitLog,
    directory: Path,
    console: Console,
) -> int:
    def report(text: str) -> None:
        console.print(text, markup=False)

    backend = asyncio.run(fetch_all(report))
    isolation = _isolate()
    # Its processes leave files in shared memory, which is private only in a namespace.
    faketime = find_library() if isolation.small_disk else None
    if isolation.reason:
        report(f"some faults are left out: {isolation.reason}")
    elif faketime is None:
        report("steps of clocks are left out: libfaketime is not installed")
    options = ChaosOptions(
        seed=seed,
        directory=directory,
        minutes=minutes,
        rate=rate,
        commit_log=commit_log,
        cut=isolation.cut,
        small_disk=isolation.small_disk,
        faketime=faketime,
    )
    outcome = uvloop.run(run_chaos(options, backend, isolation, report))
    return _conclude(outcome, options, console)


def _isolate() -> Isolation:
    if asyncio.run(docker.find_engine()):
        return Isolation(reason="containers are not in this process's network")
    return isolate()


def _conclude(outcome: Outcome, options: ChaosOptions, console: Console) -> int:
    evidence = collect(read_history(outcome.history))
    verdict, summary = judge(evidence), summarize(evidence)
    print_verdict(verdict, summary, console)
    page = outcome.history.with_name("timeline.html")
    write_html(page, evidence, verdict, summary)
    console.print(f"events repeated with their key: {outcome.repeats:,}")
    for title, lines in (
        ("left out", outcome.left_out),
        ("unexpected", outcome.unexpected),
        ("not in the API", outcome.breaches),
    ):
        for line in lines:
            console.print(f"{title}: {line}", markup=False)
    console.print(f"history: {outcome.history}\ntimeline: {page}", markup=False)
    if verdict.ok and not outcome.breaches:
        return 0
    console.print(
        f"seed {options.seed}; again: python -m tests.tools.chaos --seed {options.seed} "
        f"--minutes {options.minutes:g} --rate {options.rate:g} --commit-log {options.commit_log}",
        markup=False,
    )
    return EXIT_FINDING


def _remove_data(directory: Path) -> None:
    """Keep the history, the timeline and the logs; delete the rest."""
    for log in directory.glob("*/*.log"):
        if log.parent.name != "logs":
            (directory / "logs").mkdir(exist_ok=True)
            log.replace(directory / "logs" / log.name)
    for folder in directory.glob("*-[0-9]*"):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(directory / CLOCKS, ignore_errors=True)


if __name__ == "__main__":
    typer.run(main)
