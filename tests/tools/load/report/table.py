"""Print a report."""

from rich.console import Console
from rich.table import Table

from tests.tools.load.report.figures import figures
from tests.tools.load.report.report import Report

SHOWN_DOMAINS = 20


def print_report(report: Report, console: Console) -> None:
    """Print the final table, and the problems below it."""
    table = Table(title=report.title, show_header=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for figure, value in figures(report):
        table.add_row(figure, value)
    console.print(table)
    for breach in report.breaches:
        console.print(f"breach: {breach}", markup=False, highlight=False)
    for wrong in report.wrong[:SHOWN_DOMAINS]:
        console.print(f"{wrong.domain}: {wrong.reason}", markup=False, highlight=False)
    if (more := report.wrong_count - SHOWN_DOMAINS) > 0:
        console.print(f"and {more:,} more", highlight=False)
