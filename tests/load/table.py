"""Print a report for people."""

from rich.console import Console
from rich.table import Table

from tests.load.latency import Latency
from tests.load.report import Report

_SHOWN_DOMAINS = 20


def print_report(report: Report, console: Console) -> None:
    """Print the closing table, and below it what went wrong."""
    table = Table(title=f"waves, {report.mode}, seed {report.seed}", show_header=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for figure, value in _rows(report):
        table.add_row(figure, value)
    console.print(table)
    for breach in report.breaches:
        console.print(f"breach: {breach}", markup=False, highlight=False)
    for wrong in report.wrong[:_SHOWN_DOMAINS]:
        console.print(f"{wrong.domain}: {wrong.reason}", markup=False, highlight=False)
    if (more := len(report.wrong) - _SHOWN_DOMAINS) > 0:
        console.print(f"and {more:,} more", highlight=False)


def _rows(report: Report) -> list[tuple[str, str]]:
    right = report.seconds_until_right
    return [
        ("offered/s", f"{report.offered_per_second:,.0f}"),
        ("sent/s", f"{report.sent_per_second:,.0f}"),
        ("events", f"{report.events:,}"),
        ("accepted", f"{report.accepted:,}"),
        ("refused", _with_reasons(report.refused, report.refused_by)),
        ("unanswered", _with_reasons(report.unanswered, report.unanswered_by)),
        *(
            (f"{way} P50 / P95 / P99 / max ms", _distribution(latency))
            for way, latency in report.latencies.items()
        ),
        ("left late P50 / P95 / P99 / max ms", _distribution(report.start_lag)),
        ("seconds until every count was right", "never" if right is None else f"{right:.2f}"),
        ("domains right", f"{report.domains - len(report.wrong):,} of {report.domains:,}"),
        ("verdict", report.verdict),
    ]


def _with_reasons(count: int, reasons: dict[str, int]) -> str:
    if not count:
        return "0"
    named = ", ".join(f"{code} {number:,}" for code, number in reasons.items())
    return f"{count:,} ({named})"


def _distribution(latency: Latency) -> str:
    times = (latency.p50_ms, latency.p95_ms, latency.p99_ms, latency.max_ms)
    return " / ".join(f"{time:,.1f}" for time in times)
