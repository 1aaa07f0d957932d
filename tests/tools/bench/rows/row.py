"""Measure a row of the table, whatever goes wrong with it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from time import perf_counter

from deploy.processes.errors import ServersError
from tests.tools.bench.bench import Bench
from tests.tools.bench.report.figure import Figure


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: figures that are measured together."""

    number: int
    title: str
    measure: Callable[[Bench], AsyncIterator[Figure]]


@dataclass(slots=True)
class Measured:
    """What came of a row; ``error`` says why it ended before its time, if it did."""

    number: int
    title: str
    seconds: float = 0.0
    error: str = ""
    figures: list[Figure] = field(default_factory=list)


async def measure(row: Row, bench: Bench) -> Measured:
    """Measure *row*; whatever goes wrong with it ends this row alone."""
    measured = Measured(row.number, row.title)
    began = perf_counter()
    try:
        async for figure in row.measure(bench):
            measured.figures.append(figure)
    except ServersError as error:
        measured.error = str(error)
    except Exception as error:  # noqa: BLE001 the other rows are still to be measured
        measured.error = _reason(error)
    measured.seconds = perf_counter() - began
    return measured


def _reason(error: BaseException) -> str:
    """Return the first cause in a line; a group of tasks wraps it, and a log may be its text."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    last = f" ... {lines[-1].strip()}" if len(lines) > 1 else ""
    return f"{type(error).__name__}: {lines[0]}{last}"
