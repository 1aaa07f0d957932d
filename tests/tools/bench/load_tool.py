"""Run the load tool on a system and read its report."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import randbelow
from typing import Self

import msgspec

from tests.tiers.stack import TierProcess
from tests.tools.bench.bench import Bench
from tests.tools.bench.measurement.result import MeasurementError

MOST_LATE_SECONDS = 1.0
"""From the end of the schedule to the last answer: a system that is too slow falls ever further
behind."""
_NOT_STARTED = 2
_SLOWEST_VERIFICATION = 500.0
"""Domains per second; each is compared twice."""


class LoadLatency(msgspec.Struct, frozen=True):
    """A distribution, from the scheduled time."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


class LoadReport(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the report that the bench needs."""

    events: int
    accepted: int
    refused: int
    unanswered: int
    refused_by: dict[str, int]
    seconds_sending: float
    domains: int
    ok: bool
    verdict: str
    latencies: dict[str, LoadLatency]
    ceiling_per_second: float | None = None

    @property
    def per_second(self) -> float:
        """The rate of sending."""
        return self.events / self.seconds_sending

    def why_not_held(self, rate: float) -> str:
        """Return why the answers show that *rate* was not held; "" if they do not."""
        if not self.ok:
            return self.verdict
        if self.refused or self.unanswered:
            return f"{self.refused:,} refused {self.refused_by}, {self.unanswered:,} unanswered"
        late = self.seconds_sending - self.events / rate
        if late > MOST_LATE_SECONDS:
            return f"the last answer came {late:.1f} s late"
        return ""

    def latency(self) -> str:
        """Return the latency of each route in words."""
        return ", ".join(
            f"{way} P50 {at.p50_ms:.0f} ms, P95 {at.p95_ms:.0f} ms, P99 {at.p99_ms:.0f} ms"
            for way, at in self.latencies.items()
        )


@dataclass(frozen=True, slots=True)
class WideLoad:
    """A load of the profile ``wide`` that the bench compares itself, without the query tier."""

    seed: int
    domains: int
    ledger_file: Path
    """Written when all is sent."""

    @classmethod
    def new(cls, bench: Bench, domains: int) -> Self:
        """Return a load with domains of its own."""
        return cls(randbelow(2**32), domains, bench.folder / f"ledger-{bench.number()}")

    @property
    def options(self) -> tuple[str, ...]:
        """The options of the load tool."""
        return (
            *("--profile", "wide", "--domains", str(self.domains)),
            *("--seed", str(self.seed), "--ledger", str(self.ledger_file)),
        )


async def run_load(
    bench: Bench,
    ingest: TierProcess,
    query: TierProcess,
    *,
    rate: float,
    seconds: float,
    options: tuple[str, ...],
    on_start: Callable[[int], None] = lambda _: None,
) -> LoadReport:
    """Send on schedule, verify every count and return the report.

    *on_start* receives the process id of the load tool.
    """
    report = bench.folder / f"load-{rate:.0f}-{bench.number()}.json"
    domains = rate * seconds
    status, lines, log = await bench.execute(
        "tests.tools.load",
        *("--ingest", ingest.url, "--query", query.url, "--json", str(report)),
        *("--rate", f"{rate:.0f}", "--duration", f"{seconds:g}"),
        *options,
        seconds=seconds + 2 * domains / _SLOWEST_VERIFICATION,
        on_start=on_start,
    )
    if status >= _NOT_STARTED or not report.exists():
        raise MeasurementError(f"the load tool exited with {status}: {lines[-1]} (see {log})")
    return msgspec.json.decode(report.read_bytes(), type=LoadReport)
