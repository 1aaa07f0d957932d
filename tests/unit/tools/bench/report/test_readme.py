"""The table of figures in the README comes from the JSON files of runs."""

from pathlib import Path

import pytest

from tests.tools.bench.report.figure import Figure
from tests.tools.bench.report.measured import Measured
from tests.tools.bench.report.readme import BEGIN, END, README, section, write_figures
from tests.tools.bench.report.table import Run, from_json, to_json

COMMITTED = [
    Path(__file__).parents[5] / name
    for name in (
        "deploy/capacity/bench.json",
        "deploy/capacity/bench_newer.json",
        "tests/tools/bench/row13.json",
    )
]


def run(commit: str, *rows: Measured, quick: bool = False) -> Run:
    """Return a run of *rows* at *commit*."""
    machine, versions = {"cores": "2"}, {"commit": commit}
    return Run(quick=quick, date="2026-11-26", machine=machine, versions=versions, rows=rows)


def row(number: int, value: float) -> Measured:
    """Return a row of one figure."""
    figure = Figure(name=f"figure {number}", unit="1/s", ours=value, detail="a detail")
    return Measured(number, "a row", figures=[figure])


def test_a_later_run_replaces_rows_of_an_earlier() -> None:
    """Each row has its origin: commit, date and machine."""
    text = section([run("aaa", row(1, 11.0), row(2, 12.0)), run("bbb", row(1, 21.0))])
    assert "| 1 | figure 1 | 1/s | 21.0 |" in text
    assert "11.0" not in text
    assert "Row 1: measured on 2026-11-26, cores 2; commit bbb" in text
    assert "Row 2: measured on 2026-11-26, cores 2; commit aaa" in text
    assert "- 1: figure 1: a detail" in text


def test_only_the_text_between_the_markers_changes(tmp_path: Path) -> None:
    """Also when it is written twice."""
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for _ in range(2):
        write_figures([run("aaa", row(1, 11.0))], readme)
    text = readme.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert text.count("| 1 | figure 1 |") == 1


def test_a_quick_run_is_not_written(tmp_path: Path) -> None:
    """Its figures show nothing about speed."""
    with pytest.raises(ValueError, match="quick"):
        write_figures([run("aaa", quick=True)], tmp_path / "README.md")


def test_the_readme_has_the_committed_figures() -> None:
    """``make bench ARGS="--write --from ..."`` was run after the last change of the files."""
    runs = [from_json(file.read_bytes()) for file in COMMITTED]
    assert section(runs) in README.read_text()
    assert from_json(to_json(runs[0]).encode()) == runs[0]
