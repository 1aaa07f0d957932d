"""Check the history of a run: ``python -m tests.tools.chaos.check FILE``.

Exit status 0: the guarantees held; 1: something is wrong, or nothing was compared; 2: the file
is not a history.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tests.tools.chaos.check.rules import collect, judge
from tests.tools.chaos.history import HistoryError, read_history
from tests.tools.chaos.report.summary import print_verdict, summarize
from tests.tools.chaos.report.timeline import write_html

EXIT_WRONG = 1
EXIT_NO_HISTORY = 2


def main(
    history: Annotated[Path, typer.Argument(help="The history of a run, in JSON lines.")],
    html: Annotated[Path | None, typer.Option(help="Draw the run into this file.")] = None,
) -> None:
    """Check whether the guarantees held in a history."""
    try:
        evidence = collect(read_history(history))
        verdict = judge(evidence)
    except HistoryError as error:
        Console(stderr=True).print(str(error), markup=False, highlight=False)
        raise typer.Exit(EXIT_NO_HISTORY) from None
    summary = summarize(evidence)
    print_verdict(verdict, summary, Console())
    if html is not None:
        write_html(html, evidence, verdict, summary)
    if not verdict.ok:
        raise typer.Exit(EXIT_WRONG)


if __name__ == "__main__":
    typer.run(main)
