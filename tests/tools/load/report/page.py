"""Render a report as one HTML page without scripts or other files. Pure."""

import math
from html import escape

from tests.tools.load.report.charts import Line, Tick, draw, second_ticks
from tests.tools.load.report.figures import figures
from tests.tools.load.report.report import Report
from tests.tools.load.report.table import SHOWN_DOMAINS

_STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1d2430;--dim:#667080;--rule:#e3e7ee;
--a:#1f6feb;--b:#1a8754;--c:#d1242f;--d:#9a5b00;--good:#1a7f37;--bad:#cf222e}
@media(prefers-color-scheme:dark){:root{--paper:#12161c;--ink:#dfe5ee;--dim:#8d98a8;
--rule:#2a313c;--a:#6cb0ff;--b:#4cc38a;--c:#ff7b80;--d:#e3a44b;--good:#4cc38a;--bad:#ff7b80}}
body{margin:2rem auto;max-width:920px;padding:0 1rem;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.35rem;margin:0 0 .25rem}h2{font-size:1.05rem;margin:2rem 0 .5rem}
.verdict{font-weight:600}.good{color:var(--good)}.bad{color:var(--bad)}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;font-weight:400;padding:.2rem .5rem .2rem 0;vertical-align:top;
border-bottom:1px solid var(--rule)}
th{color:var(--dim);padding-right:1rem}td{padding-right:0;text-align:right;overflow-wrap:break-word;font-variant-numeric:tabular-nums}
svg{width:100%;height:auto;display:block}svg text{fill:var(--dim);font-size:12px}
.chart{overflow-x:auto}.chart:focus-visible{outline:2px solid var(--a)}
@media(max-width:700px){.chart svg{min-width:600px}svg text{font-size:17px}}
.grid{stroke:var(--rule)}polyline{fill:none;stroke-width:1.75;stroke-linejoin:round;
stroke-linecap:round}
.dot{stroke-width:6}
.a{stroke:var(--a)}.b{stroke:var(--b)}.c{stroke:var(--c)}.d{stroke:var(--d)}
.dashed{stroke-dasharray:5 4}
.legend{display:flex;flex-wrap:wrap;gap:1.25rem;margin:.25rem 0 0;color:var(--dim);font-size:13px}
.legend .mark{display:inline-block;width:24px;height:8px;margin-right:.4rem}
footer{margin-top:2.5rem;color:var(--dim);font-size:13px}
"""


def page_of(report: Report) -> str:
    """Return the page as HTML."""
    mood = "good" if report.ok else "bad"
    title = escape(f"Load: {report.title}")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"/>'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{title}</h1><p class="verdict {mood}">{escape(report.verdict)}</p>'
        f"{_table(_without_verdict(figures(report)))}{_wrong(report)}"
        f"<h2>Rate</h2>{_rates(report)}"
        f"<h2>Latency of accepted requests, by the second</h2>{_latencies(report)}"
        f"<h2>Latency of all accepted requests</h2>{_curve(report)}"
        f"{_machine(report)}</body></html>\n"
    )


def _without_verdict(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    # The verdict is above the table.
    return [row for row in rows if row[0] != "verdict"]


def _machine(report: Report) -> str:
    if not report.machine:
        return ""
    return f"<footer><h2>Sent from</h2>{_table(list(report.machine.items()))}</footer>"


def _table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in rows
    )
    return f"<table><tbody>{cells}</tbody></table>"


def _wrong(report: Report) -> str:
    named = [(wrong.domain, wrong.reason) for wrong in report.wrong[:SHOWN_DOMAINS]]
    if (more := report.wrong_count - len(named)) > 0:
        named.append(("and more", f"{more:,}"))
    named += [("breach", breach) for breach in report.breaches]
    return f"<h2>What is wrong</h2>{_table(named)}" if named else ""


def _rates(report: Report) -> str:
    rows = report.series
    lines = [
        Line("offered", "d dashed", [(row.second, row.offered) for row in rows]),
        Line("accepted", "b", [(row.second, row.accepted) for row in rows]),
        Line("refused", "c", [(row.second, row.refused) for row in rows]),
    ]
    if any(row.unanswered for row in rows):
        lines.append(Line("unanswered", "a", [(row.second, row.unanswered) for row in rows]))
    return draw("Events a second", "events a second, over seconds", lines, second_ticks(len(rows)))


def _latencies(report: Report) -> str:
    rows = [row for row in report.series if row.accepted]
    lines = [
        Line("P50", "b", [(row.second, row.p50_ms) for row in rows]),
        Line("P95", "a", [(row.second, row.p95_ms) for row in rows]),
        Line("P99", "d", [(row.second, row.p99_ms) for row in rows]),
        Line("max", "c dashed", [(row.second, row.max_ms) for row in rows]),
    ]
    ticks = second_ticks(len(report.series))
    return draw("Latency by the second", "milliseconds, over seconds", lines, ticks)


def _curve(report: Report) -> str:
    """Draw the percentiles over 1 - p on a logarithmic axis: every nine has the same width."""
    requests = sum(latency.requests for latency in report.latencies.values())
    end = math.log10(max(requests, 10))
    points = [
        (
            min(end, -math.log10(1 - percentile.share)) if percentile.share < 1 else end,
            percentile.ms,
        )
        for percentile in report.percentiles
    ]
    names = ("0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %", "99.99999 %")
    ticks = [Tick(float(nines), name) for nines, name in enumerate(names) if nines <= end]
    line = Line("all requests with an accepted event", "a", points)
    return draw("Percentiles", "milliseconds, over the share of requests", [line], ticks)
