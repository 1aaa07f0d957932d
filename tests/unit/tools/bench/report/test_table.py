"""What the table says."""

import json

from rich.console import Console

from tests.tools.bench.report.figure import Figure, Reference, at_least
from tests.tools.bench.report.table import Run, to_json, to_markdown, to_notes, to_table
from tests.tools.bench.rows.row import Measured

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
    """Return the table as it looks on a wide terminal."""
    console = Console(width=200)
    with console.capture() as capture:
        console.print(to_table(found))
    return capture.get()


def test_a_line_holds_ours_the_reference_the_ratio_and_the_goal() -> None:
    """All that a reader needs stands side by side, a missed goal included."""
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


def test_a_row_that_failed_is_named_and_its_reason_stands_below() -> None:
    """Nothing is passed over in silence, and the other rows stay."""
    found = run(FAILED, Measured(3, "Bulk", figures=[FIGURE]))
    assert "not measured" in text_of(found)
    assert "4: Worker: MeasurementError: no topic" in list(to_notes(found))
    assert "250,000" in text_of(found)


def test_what_was_measured_before_a_row_failed_is_shown() -> None:
    """A row that ends early keeps its figures beside the word that it was not measured whole."""
    text = text_of(run(Measured(3, "Bulk", error="broken", figures=[FIGURE])))
    assert "250,000" in text
    assert "not measured" in text


def test_a_quick_run_says_so_in_its_title() -> None:
    """Nobody shall quote it."""
    assert "quick" in text_of(run(quick=True))
    assert "quick" in to_markdown(run(quick=True)).splitlines()[0]
    assert "quick" not in text_of(run())


def test_details_machine_and_versions_stand_below() -> None:
    """Each detail names its figure."""
    notes = list(to_notes(run(Measured(3, "Bulk", figures=[FIGURE]))))
    assert notes == ["3: bulk: seen on the way", "cores 2", "python 3.11"]


def test_markdown_has_a_line_for_each_figure() -> None:
    """The table is one that Markdown knows, with as many cells in each line."""
    text = to_markdown(run(Measured(3, "Bulk", figures=[FIGURE]), FAILED))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1


def test_json_holds_everything() -> None:
    """Ratio and verdict are written out, and a failed row has its reason."""
    written = json.loads(to_json(run(Measured(3, "Bulk", figures=[FIGURE]), FAILED)))
    (figure,) = written["rows"][0]["figures"]
    assert figure["ratio"] == 10.0
    assert figure["verdict"] == "missed"
    assert figure["reference"] == {"name": "one by one", "value": 25_000.0}
    assert written["rows"][1]["error"] == "MeasurementError: no topic"
    assert written["rows"][0]["error"] is None
    assert written["quick"] is False
