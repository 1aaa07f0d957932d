"""Show a run as a table on a terminal, as Markdown, and as JSON. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import msgspec
from rich.table import Table

from tests.tools.bench.report.figure import Figure, number
from tests.tools.bench.report.measured import Measured

_HEAD = ("row", "figure", "unit", "ours", "reference", "ratio", "goal", "verdict")
_NUMBERS = {"ours", "ratio"}
NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The figures of a run, and the machine and versions that they belong to."""

    quick: bool
    date: str
    """Of its start, as ``2026-11-26``."""
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    rows: Sequence[Measured]

    @property
    def title(self) -> str:
        """The title of the table."""
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
        yield from details(measured)
    yield pairs(run.machine)
    yield pairs(run.versions)


def details(measured: Measured) -> Iterator[str]:
    """Yield the details of each figure, and why the row ended early if it did."""
    for figure in measured.figures:
        if figure.detail:
            yield f"{measured.number}: {figure.name}: {figure.detail}"
    if measured.error:
        yield f"{measured.number}: {measured.title}: {measured.error}"


def to_markdown(run: Run) -> str:
    """Return the whole run as Markdown."""
    lines = [f"# {run.title}", "", *markdown_table(run.rows), ""]
    lines += [f"- {note}" for note in to_notes(run)]
    return "\n".join(lines) + "\n"


def markdown_table(rows: Sequence[Measured]) -> list[str]:
    """Return the lines of the table of *rows*."""
    rule = "|".join("---:" if head in _NUMBERS else "---" for head in _HEAD)
    lines = [_cells(_HEAD), f"|{rule}|"]
    for measured in rows:
        lines += [_cells(line) for line in _lines(measured)]
    return lines


def from_json(text: bytes) -> Run:
    """Return the run that ``to_json`` wrote; raises msgspec.DecodeError for other text."""
    return msgspec.json.decode(text, type=Run)


def to_json(run: Run) -> str:
    """Return the whole run as JSON."""
    return json.dumps(
        {
            "title": run.title,
            "quick": run.quick,
            "date": run.date,
            "machine": dict(run.machine),
            "versions": dict(run.versions),
            "rows": [
                {
                    "number": measured.number,
                    "title": measured.title,
                    "seconds": round(measured.seconds, 1),
                    "error": measured.error,
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
        # The reason is in the notes: it is too long for the table.
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
        "" if goal is None else str(figure.verdict),
    )


def _cells(texts: Sequence[str]) -> str:
    return "|" + "|".join(f" {text.replace('|', '/')} " for text in texts) + "|"


def pairs(named: Mapping[str, str]) -> str:
    """Return names and values in one line."""
    return ", ".join(f"{name} {value}" for name, value in named.items())
