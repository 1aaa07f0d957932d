"""Show how a run is getting on: a bar on a terminal, a line now and then elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import monotonic
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_TICK_SECONDS = 0.2
_SECONDS_BETWEEN_LINES = 5.0


class Watcher(Protocol):
    """What is told of the progress of a run."""

    def show(self, phase: str, done: int, total: int) -> None:
        """*done* of *total* of *phase* are done; the last call of a phase says what was reached."""
        ...


class Silence:
    """Shows nothing."""

    def show(self, phase: str, done: int, total: int) -> None:
        """Show nothing."""


class Lines:
    """A line at the beginning and the end of a phase and every 5 s in between."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase = ""
        self._next_line = 0.0

    def show(self, phase: str, done: int, total: int) -> None:
        """Print a line if it is time for one."""
        now = monotonic()
        if phase == self._phase and now < self._next_line and done < total:
            return
        self._phase = phase
        self._next_line = now + _SECONDS_BETWEEN_LINES
        self._console.print(f"{phase}: {done:,} of {total:,}", highlight=False)


class Bars:
    """A bar for each phase."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._phase = ""

    def show(self, phase: str, done: int, total: int) -> None:
        """Draw the bar of *phase*."""
        if phase != self._phase:
            self._phase = phase
            self._task = self._progress.add_task(phase, total=total)
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def open_watcher(console: Console) -> Iterator[Watcher]:
    """Yield what suits *console*."""
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        yield Bars(progress)


@asynccontextmanager
async def watched(
    watcher: Watcher, phase: str, done: Callable[[], int], total: int
) -> AsyncIterator[None]:
    """Tell *watcher* of *done* while the body runs."""

    async def tell() -> None:
        while True:
            watcher.show(phase, done(), total)
            await asyncio.sleep(_TICK_SECONDS)

    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(tell())
        yield
        telling.cancel()
    watcher.show(phase, done(), total)
