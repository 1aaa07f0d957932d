"""Summarize a run in figures, and print them with the verdict."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.tools.chaos.check.evidence import Evidence, Sending, Window
from tests.tools.chaos.check.lag import Lag, longest_lag
from tests.tools.chaos.check.verdict import Standing, Verdict, WrongDomain
from tests.tools.chaos.history import HistoryError, Settled

_SHOWN_FINDINGS = 5
_SHOWN_ROWS = 40
_STYLES = {
    Standing.HELD: "green",
    Standing.BROKEN: "bold red",
    Standing.NOT_EXERCISED: "yellow",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A run in figures."""

    seed: int
    began: str
    seconds: float
    faults: dict[str, int]
    """Their number by kind."""
    domains: int
    requests: int
    accepted: int
    """Events (bulk lines count one each); repeats with a key count, too."""
    refused: int
    unanswered: int
    refusals: dict[str, int]
    """Requests without success, by status, or ``no answer``."""
    reads: int
    without_success: Window | None
    """The longest time without a 2xx answer to any request; None: none was sent."""
    lag: Lag | None
    """The longest lag of a count; None: there was none."""
    settled: Settled | None
    """How it recovered; None: the history ends before."""
    rss_bytes: dict[str, int]
    """The maximum memory of each node."""

    @property
    def events(self) -> int:
        """The number of events sent."""
        return self.accepted + self.refused + self.unanswered


def summarize(evidence: Evidence) -> Summary:
    """Return the figures of *evidence*."""
    if (run := evidence.run) is None:
        raise HistoryError("the history has no line about the run")
    outcomes = Counter[str]()
    refusals = Counter[str]()
    for request in evidence.requests:
        outcomes["accepted"] += request.accepted
        outcomes["refused"] += request.refused
        outcomes["unanswered"] += request.unanswered
        if not request.is_success:
            refusals["no answer" if request.status is None else str(request.status)] += 1
    rss: dict[str, int] = {}
    for pulse in evidence.pulses:
        for node, size in pulse.rss.items():
            rss[node] = max(size, rss.get(node, 0))
    return Summary(
        seed=run.seed,
        began=run.began,
        seconds=evidence.end,
        faults=dict(Counter(fault.kind for fault in evidence.faults).most_common()),
        domains=sum(bool(domain.kinds) for domain in evidence.domains.values()),
        requests=len(evidence.requests),
        accepted=outcomes["accepted"],
        refused=outcomes["refused"],
        unanswered=outcomes["unanswered"],
        refusals=dict(refusals.most_common()),
        reads=evidence.reads,
        without_success=_without_success(evidence.requests),
        lag=longest_lag(evidence.domains.values()),
        settled=evidence.settled,
        rss_bytes=dict(sorted(rss.items())),
    )


def figures(summary: Summary) -> list[tuple[str, str]]:
    """Return the figures as names and texts, for a table or a page."""
    gap, lag, settled = summary.without_success, summary.lag, summary.settled
    hungriest = max(summary.rss_bytes.items(), key=lambda each: each[1], default=None)
    return [
        ("faults", _by_kind(summary.faults)),
        ("events in requests", f"{summary.events:,} in {summary.requests:,}"),
        ("domains", f"{summary.domains:,}"),
        ("accepted", f"{summary.accepted:,}"),
        ("refused / unanswered", f"{summary.refused:,} / {summary.unanswered:,}"),
        ("requests without a 2xx", _by_kind(summary.refusals)),
        (
            "longest time without a 2xx",
            "-" if gap is None else f"{gap.seconds:.2f} s, from {gap.begin:.1f} s on",
        ),
        ("longest time a count lagged", "none was seen" if lag is None else _lag(lag)),
        (
            "lag 0 after the last fault",
            "not measured" if settled is None else _seconds(settled.lag_zero_seconds),
        ),
        (
            "a new event visible",
            "not measured" if settled is None else _seconds(settled.visible_seconds),
        ),
        (
            "most memory of a process",
            "-" if hungriest is None else f"{hungriest[1] / 2**20:,.0f} MiB ({hungriest[0]})",
        ),
    ]


def print_verdict(verdict: Verdict, summary: Summary, console: Console) -> None:
    """Print the verdict by guarantee, the figures, and the findings."""
    console.print(_verdict_table(verdict, summary))
    table = Table(show_header=False)
    table.add_column("figure", no_wrap=True)
    table.add_column("value")
    for figure, value in figures(summary):
        table.add_row(figure, Text(value))
    console.print(table)
    for each in verdict.judgements:
        for finding in each.findings[:_SHOWN_FINDINGS]:
            console.print(str(finding), markup=False, highlight=False)
        if (more := each.broken - _SHOWN_FINDINGS) > 0:
            console.print(f"{each.guarantee}: and {more:,} more", highlight=False)
    if verdict.first_wrong is not None:
        _print_wrong(verdict.first_wrong, console)
    console.print(f"seed {summary.seed}: {verdict.sentence}", markup=False, highlight=False)


def _verdict_table(verdict: Verdict, summary: Summary) -> Table:
    table = Table(title=f"seed {summary.seed}, {summary.seconds:.0f} s, {summary.began}")
    for column in ("", "promise", "verdict", "evidence"):
        table.add_column(column)
    for each in verdict.judgements:
        text = f"{each.standing} ({each.broken:,})" if each.broken else each.standing
        table.add_row(
            each.guarantee,
            each.guarantee.sentence,
            Text(text, style=_STYLES[each.standing]),
            Text(each.evidence),
        )
    return table


def _print_wrong(wrong: WrongDomain, console: Console) -> None:
    domain = wrong.finding.domain
    if wrong.rows is None:
        text = f"first wrong domain: {domain}; the history has none of its rows"
        console.print(text, markup=False, highlight=False)
        return
    table = Table(title=Text(f"first wrong domain: {domain}"), title_justify="left")
    for column in ("log", "writer", "delivered", "bounced", "applied_offset"):
        table.add_column(column, justify="left" if column in {"log", "writer"} else "right")
    by_age = sorted(wrong.rows, key=lambda row: (row.log, -row.applied_offset))
    for row in by_age[:_SHOWN_ROWS]:
        numbers = (str(n) for n in (row.delivered, row.bounced, row.applied_offset))
        table.add_row(Text(row.log), Text(row.writer), *numbers)
    console.print(table)


def _without_success(requests: Iterable[Sending]) -> Window | None:
    """Counts only periods with requests: each begins when a request is sent."""
    longest: Window | None = None
    last_success, since = -inf, inf
    for request in sorted(requests, key=lambda request: request.t):
        since = min(since, max(last_success, request.sent))
        if longest is None or request.t - since > longest.seconds:
            longest = Window(since, request.t)
        if request.is_success:
            last_success, since = request.t, inf
    return longest


def _by_kind(counts: dict[str, int]) -> str:
    if not counts:
        return "none"
    named = ", ".join(f"{kind} {count:,}" for kind, count in counts.items())
    return f"{sum(counts.values()):,} ({named})"


def _lag(lag: Lag) -> str:
    shown = "never visible" if lag.shown_seconds is None else f"at most {lag.shown_seconds:.2f} s"
    return f"at least {lag.seconds:.2f} s, {shown} ({lag.domain}, {lag.kind})"


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"after {seconds:.2f} s"
