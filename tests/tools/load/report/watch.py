"""Show the progress of a run: a live view on a terminal, a line every few seconds elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import monotonic
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.tools.load.report.snapshot import Snapshot

_TICK_SECONDS = 0.2
_SECONDS_BETWEEN_LINES = 5.0


class Watcher(Protocol):
    """Receives the progress of a run."""

    def show(self, phase: str, done: int, total: int | None) -> None:
        """*done* of *total* of *phase* are done; the last call of a phase has its final number."""
        ...

    def sending(self, snapshot: Snapshot) -> None:
        """Events are being sent, with these rates and times."""
        ...


class SilentWatcher:
    """Shows nothing."""

    def show(self, phase: str, done: int, total: int | None) -> None:
        """Show nothing."""

    def sending(self, snapshot: Snapshot) -> None:
        """Show nothing."""


class Lines:
    """A line at the start and the end of each phase, and every 5 s in between."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase = ""
        self._next_line = 0.0

    def show(self, phase: str, done: int, total: int | None) -> None:
        """Print a line if one is due."""
        now = monotonic()
        ended = total is not None and done >= total
        if phase == self._phase and now < self._next_line and not ended:
            return
        self._phase = phase
        self._next_line = now + _SECONDS_BETWEEN_LINES
        self._print(f"{phase}: {done:,}" + ("" if total is None else f" of {total:,}"))

    def sending(self, snapshot: Snapshot) -> None:
        """Print the rates and times if a line is due."""
        now = monotonic()
        if now < self._next_line:
            return
        self._next_line = now + _SECONDS_BETWEEN_LINES
        row = snapshot.row
        self._print(
            f"{snapshot.seconds:.0f} s: offered {row.offered:,}/s, sent {row.sent:,}/s, "
            f"accepted {row.accepted:,}/s, in flight {snapshot.in_flight:,}, "
            f"P50/P95/P99 {row.p50_ms:.1f}/{row.p95_ms:.1f}/{row.p99_ms:.1f} ms, "
            f"refused {_reasons(snapshot.refused_by)}, "
            f"unanswered {_reasons(snapshot.unanswered_by)}, lag {snapshot.lag_text}"
        )

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


class View:
    """A progress bar for each phase, and a table while events are sent."""

    def __init__(self, live: Live, progress: Progress) -> None:
        self._live = live
        self._progress = progress
        self._phase = ""

    def show(self, phase: str, done: int, total: int | None) -> None:
        """Draw the bar of *phase*."""
        if phase != self._phase:
            self._phase = phase
            self._task = self._progress.add_task(phase, total=total)
        self._progress.update(self._task, completed=done, total=total)

    def sending(self, snapshot: Snapshot) -> None:
        """Draw the table."""
        self._live.update(Group(self._progress, table_of(snapshot)))


def table_of(snapshot: Snapshot) -> Table:
    """Return the live view of a moment."""
    row = snapshot.row
    table = Table(show_header=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for figure, value in (
        ("offered / sent / accepted per s", f"{row.offered:,} / {row.sent:,} / {row.accepted:,}"),
        ("requests in flight", f"{snapshot.in_flight:,}"),
        ("P50 / P95 / P99 ms", f"{row.p50_ms:,.1f} / {row.p95_ms:,.1f} / {row.p99_ms:,.1f}"),
        ("refused", _reasons(snapshot.refused_by)),
        ("unanswered", _reasons(snapshot.unanswered_by)),
        ("lag of the workers, records", snapshot.lag_text),
    ):
        table.add_row(figure, value)
    return table


def _reasons(reasons: dict[str, int]) -> str:
    return ", ".join(f"{code} {number:,}" for code, number in reasons.items()) or "0"


@contextmanager
def open_watcher(console: Console) -> Iterator[Watcher]:
    """Yield a watcher that suits *console*."""
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    progress = Progress(*columns, TimeElapsedColumn(), console=console)
    with Live(progress, console=console) as live:
        yield View(live, progress)


@asynccontextmanager
async def watched(
    watcher: Watcher,
    phase: str,
    done: Callable[[], int],
    total: int | None,
    more: Callable[[], None] = lambda: None,
) -> AsyncIterator[None]:
    """Report *done* to *watcher*, and call *more*, while the body runs."""

    async def report() -> None:
        while True:
            watcher.show(phase, done(), total)
            more()
            await asyncio.sleep(_TICK_SECONDS)

    async with asyncio.TaskGroup() as tasks:
        reporting = tasks.create_task(report())
        yield
        reporting.cancel()
    watcher.show(phase, done(), total)
