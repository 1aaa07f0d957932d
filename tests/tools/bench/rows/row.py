"""Measure a row of the table; an error ends this row only."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from time import perf_counter

from deploy.processes.errors import ServersError
from tests.tools.bench.bench import Bench
from tests.tools.bench.report.figure import Figure
from tests.tools.bench.report.measured import Measured


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: figures that are measured together."""

    number: int
    title: str
    measure: Callable[[Bench], AsyncIterator[Figure]]
    by_default: bool = True
    """False: it takes so long that only ``--rows`` measures it."""


async def measure(row: Row, bench: Bench) -> Measured:
    """Measure *row*; an error ends it early and is recorded."""
    measured = Measured(row.number, row.title)
    began = perf_counter()
    try:
        async for figure in row.measure(bench):
            measured.figures.append(figure)
    except ServersError as error:
        measured.error = str(error)
    except Exception as error:  # noqa: BLE001 the other rows follow
        measured.error = _reason(error)
    measured.seconds = perf_counter() - began
    return measured


def _reason(error: BaseException) -> str:
    """Return the first cause in one line; a task group wraps it, and its text may be a log."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    last = f" ... {lines[-1].strip()}" if len(lines) > 1 else ""
    return f"{type(error).__name__}: {lines[0]}{last}"
