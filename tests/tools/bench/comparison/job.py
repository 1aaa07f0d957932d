"""The job of a process that compares counts, and its result."""

from collections.abc import Sequence

import msgspec

from tests.tools.bench.load_tool import LoadReport

MOST_NAMED = 10
"""The wrong domains that a result names; the rest is only counted."""


class ComparisonJob(msgspec.Struct, frozen=True, kw_only=True):
    """The table, and what was sent to it by the load tool in the profile ``wide``."""

    contact_points: str
    keyspace: str
    buckets: int
    first: int = 0
    processes: int = 1
    """The number of processes: this one compares the buckets *first*, *first* + *processes*, ..."""
    ledger_file: str
    seed: int
    domains: int
    preloaded: bool = False
    """Every domain has the counts of ``population`` too."""
    bounces: dict[str, int] = {}
    """Further domains: whether the one bounce of each was accepted."""


class ComparisonResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in the table."""

    domains: int
    """Those that were compared."""
    wrong: int
    unexpected: int
    """Domains of the table that were never sent, or by another run."""
    rows: int
    """Of the domains that were compared."""
    seconds: float
    """From the first read to the last comparison."""
    reasons: list[str]
    """Of the first wrong ones."""
    first_unexpected: list[str]

    @property
    def verdict(self) -> str:
        """The result in a sentence, in the words of the load tool."""
        if not self.wrong:
            return "every count is right"
        return f"{self.wrong:,} of {self.domains:,} domains are wrong: {'; '.join(self.reasons)}"

    def in_report(self, report: LoadReport) -> LoadReport:
        """Return the report of the load with this result; what was wrong with it stays."""
        if not report.ok:
            return report
        return msgspec.structs.replace(report, ok=not self.wrong, verdict=self.verdict)


def add_up(results: Sequence[ComparisonResult]) -> ComparisonResult:
    """Return the result of several processes that began together."""
    return ComparisonResult(
        domains=sum(result.domains for result in results),
        wrong=sum(result.wrong for result in results),
        unexpected=sum(result.unexpected for result in results),
        rows=sum(result.rows for result in results),
        seconds=max(result.seconds for result in results),
        reasons=[reason for r in results for reason in r.reasons][:MOST_NAMED],
        first_unexpected=[name for r in results for name in r.first_unexpected][:MOST_NAMED],
    )
