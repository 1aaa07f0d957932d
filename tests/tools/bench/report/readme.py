"""Write the table of figures into the bench's README, from the JSON files of runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.tools.bench.report.measured import Measured
from tests.tools.bench.report.table import Run, details, markdown_table, pairs

README = Path(__file__).parents[1] / "README.md"
BEGIN = '<!-- figures: written by make bench ARGS="--write", not by hand -->'
END = "<!-- end of figures -->"


def write_figures(runs: Sequence[Run], readme: Path = README) -> None:
    """Replace the section between the markers of *readme*; a later run replaces rows of an earlier.

    Raises ValueError for a quick run, and where *readme* has no markers.
    """
    if any(run.quick for run in runs):
        raise ValueError("a quick run shows that the bench works, not how fast the system is")
    text = readme.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme} has no lines {BEGIN} and {END}")
    readme.write_text(f"{before}{BEGIN}\n\n{section(runs)}\n{END}{after}", encoding="utf-8")


def section(runs: Sequence[Run]) -> str:
    """Return the origin of each row, the table, and the details below it."""
    newest: dict[int, tuple[Run, Measured]] = {}
    for run in runs:
        newest |= {measured.number: (run, measured) for measured in run.rows}
    rows = [measured for _, (_, measured) in sorted(newest.items())]
    lines = [*_origins(newest), "", *markdown_table(rows), "", "### Details", ""]
    lines += [f"- {detail}" for measured in rows for detail in details(measured)]
    return "\n".join(lines) + "\n"


def _origins(newest: Mapping[int, tuple[Run, Measured]]) -> list[str]:
    numbers: dict[int, list[str]] = {}
    runs: dict[int, Run] = {}
    for number, (run, _) in sorted(newest.items()):
        runs[id(run)] = run
        numbers.setdefault(id(run), []).append(str(number))
    return [
        f"- Row {', '.join(numbers[key])}: measured on {run.date}, {pairs(run.machine)}; "
        f"{pairs(run.versions)}."
        for key, run in runs.items()
    ]
