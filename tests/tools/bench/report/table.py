"""Show a run as a table on a terminal, as Markdown, and as JSON. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.table import Table

from tests.tools.bench.report.figure import Figure, number
from tests.tools.bench.rows.row import Measured

_HEAD = ("row", "figure", "unit", "ours", "reference", "ratio", "goal", "verdict")
_NUMBERS = {"ours", "ratio"}
NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All that was found, and where."""

    quick: bool
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    rows: Sequence[Measured]

    @property
    def title(self) -> str:
        """What stands above the table."""
        return "bench (quick: shows that it works, not how fast)" if self.quick else "bench"


def to_table(run: Run) -> Table:
    """Return the table for a terminal."""
    table = Table(title=run.title)
    for head in _HEAD:
        table.add_column(head, justify="right" if head in _NUMBERS else "left")
    for measured in run.rows:
        for line in _lines(measured):
            table.add_row(*line)
        table.add_section()
    return table


def to_notes(run: Run) -> Iterator[str]:
    """Yield the lines below the table: details, then machine and versions."""
    for measured in run.rows:
        for figure in measured.figures:
            if figure.detail:
                yield f"{measured.number}: {figure.name}: {figure.detail}"
        if measured.error:
            yield f"{measured.number}: {measured.title}: {measured.error}"
    yield _pairs(run.machine)
    yield _pairs(run.versions)


def to_markdown(run: Run) -> str:
    """Return the whole run as Markdown."""
    rule = "|".join("---:" if head in _NUMBERS else "---" for head in _HEAD)
    lines = [f"# {run.title}", "", _cells(_HEAD), f"|{rule}|"]
    for measured in run.rows:
        lines += [_cells(line) for line in _lines(measured)]
    lines.append("")
    lines += [f"- {note}" for note in to_notes(run)]
    return "\n".join(lines) + "\n"


def to_json(run: Run) -> str:
    """Return the whole run as JSON."""
    return json.dumps(
        {
            "title": run.title,
            "quick": run.quick,
            "machine": dict(run.machine),
            "versions": dict(run.versions),
            "rows": [
                {
                    "number": measured.number,
                    "title": measured.title,
                    "seconds": round(measured.seconds, 1),
                    "error": measured.error or None,
                    "figures": [
                        asdict(f) | {"ratio": f.ratio, "verdict": f.verdict}
                        for f in measured.figures
                    ],
                }
                for measured in run.rows
            ],
        },
        indent=2,
    )


def _lines(measured: Measured) -> Iterator[tuple[str, ...]]:
    for figure in measured.figures:
        yield (str(measured.number), *_figure(figure))
    if measured.error:
        # Why stands below: the table would not hold it.
        yield (str(measured.number), measured.title, "", "", "", "", "", NOT_MEASURED)


def _figure(figure: Figure) -> tuple[str, ...]:
    reference, ratio, goal = figure.reference, figure.ratio, figure.goal
    return (
        figure.name,
        figure.unit,
        number(figure.ours),
        "" if reference is None else f"{number(reference.value)} ({reference.name})",
        "" if ratio is None else number(ratio),
        "" if goal is None else goal.text(figure.unit),
        str(figure.verdict),
    )


def _cells(texts: Sequence[str]) -> str:
    return "|" + "|".join(f" {text.replace('|', '/')} " for text in texts) + "|"


def _pairs(named: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in named.items())
