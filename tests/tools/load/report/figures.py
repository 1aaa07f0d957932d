"""The figures of a report in words, for the final table and the page. Pure."""

from tests.tools.load.measurement.latency import Latency
from tests.tools.load.report.report import Report


def figures(report: Report) -> list[tuple[str, str]]:
    """Return the name and the value of each figure."""
    right = report.seconds_until_right
    since = "sending" if report.closed_loop else "the scheduled time"
    return [
        ("sender", _sender(report.connections, report.processes)),
        ("offered/s", _offered(report)),
        ("sent/s", f"{report.sent_per_second:,.0f}"),
        ("accepted/s", f"{report.accepted_per_second:,.0f}"),
        *_ceiling(report),
        ("events", f"{report.events:,}"),
        ("accepted", f"{report.accepted:,}"),
        ("refused", _with_reasons(report.refused, report.refused_by)),
        ("unanswered", _with_reasons(report.unanswered, report.unanswered_by)),
        *(
            (f"{way} P50 / P95 / P99 / max ms, from {since}", _distribution(latency))
            for way, latency in report.latencies.items()
        ),
        ("sent late P50 / P95 / P99 / max ms", _distribution(report.start_lag)),
        ("CPU seconds of this client", f"{report.cpu_seconds:.1f}"),
        ("seconds until every count was right", "never" if right is None else f"{right:.2f}"),
        ("domains right", f"{report.domains - report.wrong_count:,} of {report.domains:,}"),
        ("verdict", report.verdict),
    ]


def _sender(connections: int, processes: int) -> str:
    held = "1 connection" if connections == 1 else f"{connections:,} connections"
    return f"{held}, " + ("1 process" if processes == 1 else f"{processes} processes")


def _offered(report: Report) -> str:
    if report.closed_loop:
        return "as fast as the answers arrived (closed loop)"
    return f"{report.offered_per_second:,.0f}"


def _ceiling(report: Report) -> list[tuple[str, str]]:
    if report.ceiling_per_second is None:
        return []
    return [("ceiling of this client", f"{report.ceiling_per_second:,.0f}/s")]


def _with_reasons(count: int, reasons: dict[str, int]) -> str:
    if not count:
        return "0"
    named = ", ".join(f"{code} {number:,}" for code, number in reasons.items())
    return f"{count:,} ({named})"


def _distribution(latency: Latency) -> str:
    times = (latency.p50_ms, latency.p95_ms, latency.p99_ms, latency.max_ms)
    return " / ".join(f"{time:,.1f}" for time in times)
