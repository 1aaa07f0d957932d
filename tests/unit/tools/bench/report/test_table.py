"""The table of a run."""

from rich.console import Console

from tests.tools.bench.report.figure import Figure, Reference, at_least
from tests.tools.bench.report.measured import Measured
from tests.tools.bench.report.table import Run, to_notes, to_table

FIGURE = Figure(
    name="bulk",
    unit="events/s",
    ours=250_000.0,
    reference=Reference("one by one", 25_000.0),
    goal=at_least(500_000),
    detail="seen on the way",
)
FAILED = Measured(4, "Worker", error="MeasurementError: no topic")


def run(*rows: Measured, quick: bool = False) -> Run:
    """Return a run of *rows*."""
    return Run(
        quick=quick,
        date="2026-11-26",
        machine={"cores": "2"},
        versions={"python": "3.11"},
        rows=rows,
    )


def text_of(found: Run) -> str:
    """Return the table as a wide terminal shows it."""
    console = Console(width=200)
    with console.capture() as capture:
        console.print(to_table(found))
    return capture.get()


def test_a_line_has_value_reference_ratio_and_goal() -> None:
    """It also shows a missed goal."""
    text = text_of(run(Measured(3, "Bulk", figures=[FIGURE])))
    line = next(line for line in text.splitlines() if "bulk" in line)
    for part in (
        "250,000",
        "25,000 (one by one)",
        "10.0",
        ">= 500,000 events/s",
        "missed",
    ):
        assert part in line


def test_a_failed_row_is_in_the_table_and_its_reason_below() -> None:
    """The other rows stay."""
    found = run(FAILED, Measured(3, "Bulk", figures=[FIGURE]))
    assert "not measured" in text_of(found)
    assert "4: Worker: MeasurementError: no topic" in list(to_notes(found))
    assert "250,000" in text_of(found)
