"""Rows 7 and 10: the highest rate that the whole pipeline holds, with every count verified.

A rate holds if every request was answered on time, none was refused, the worker's delay did not
grow (row 10: stayed below 10 s), and every count is right at the end. Short tries find the rate,
and one long run confirms it. Row 10 reads the counts from the table: by the API a million domains
take many minutes.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from tests.tiers.stack import TierProcess
from tests.tools.bench.bench import Bench, buckets_for
from tests.tools.bench.comparison.run import compare
from tests.tools.bench.load_tool import LoadReport, WideLoad, run_load
from tests.tools.bench.measurement.beside import beside
from tests.tools.bench.measurement.result import MeasurementError
from tests.tools.bench.measurement.search import Search, confirm
from tests.tools.bench.measurement.trend import (
    Reading,
    growth_seconds,
    longest_delay_seconds,
    while_sending,
)
from tests.tools.bench.measurement.worker_metrics import read, wait_written
from tests.tools.bench.report.figure import Figure, Goal, Reference, at_least

GOAL = 100_000
MOONSHOT = 200_000
STEP_DOWN = 0.8
MOST_AGE_SECONDS = 10.0
CONFIRMATIONS = 6
LINES = 2_000
QUICK_SHARE, QUICK_LINES = 0.05, 100
_LOOK_SECONDS = 0.5
_VERIFY_SECONDS = 60
_WRITE_SECONDS = 900.0
"""Nearly every event has a domain of its own, with a row of its own to write."""


@dataclass(frozen=True, slots=True)
class Course:
    """A workload, its route, and the start of the search."""

    name: str
    options: tuple[str, ...]
    first: float
    factor: float
    goal: Goal | None = None
    most_tries: int = 6
    most_age_seconds: float | None = None
    """The age of counts that the rate may reach; without a bound the age must not grow."""
    domains: int = 0
    """Of the profile wide, with a keyspace of as many buckets as suit them; 0: another profile."""


async def measure_waves(bench: Bench) -> AsyncIterator[Figure]:
    """Yield the figures for few domains at a time."""
    by_bulk = ("--profile", "waves", *_by_bulk(bench))
    yield await _measure(bench, Course("waves by bulk", by_bulk, 100_000, 1.5, at_least(GOAL)))
    by_put = ("--profile", "waves", "--mode", "put", "--connections", "256")
    yield await _measure(bench, Course("waves by PUT", by_put, 8_000, 1.4))


async def measure_wide(bench: Bench) -> AsyncIterator[Figure]:
    """Yield the figure for many domains, nearly all of them new."""
    domains = bench.effort.wide_domains
    course = Course(
        f"wide uniform over {domains:,} domains by bulk",
        _by_bulk(bench),
        20_000,
        1.5,
        most_tries=3,
        most_age_seconds=MOST_AGE_SECONDS,
        domains=domains,
    )
    yield await _measure(bench, course)


def _by_bulk(bench: Bench) -> tuple[str, ...]:
    lines = QUICK_LINES if bench.effort.quick else LINES
    return ("--mode", "bulk", "--bulk-lines", str(lines), "--connections", "16")


async def _measure(bench: Bench, course: Course) -> Figure:
    effort = bench.effort
    tried: list[str] = []
    reports: dict[float, LoadReport] = {}
    buckets = buckets_for(course.domains)
    overrides = {"CASSANDRA_BUCKETS": str(buckets)} if course.domains else {}
    if course.most_age_seconds is not None:
        overrides["CONSUMER_MAX_COUNT_AGE_SECONDS"] = f"{course.most_age_seconds:g}"
    async with bench.stack("pipeline", **overrides) as tiers:
        (ingest,), (worker,), (query,) = await tiers.all()

        async def holds(rate: float, seconds: float, *more: str) -> bool:
            bench.report(f"{course.name}: {rate:,.0f} events/s for {seconds:g} s")
            wide = WideLoad.new(bench, course.domains) if course.domains else None
            compares = ("--verify-timeout", str(_VERIFY_SECONDS)) if wide is None else wide.options
            readings: list[Reading] = []
            async with beside(_look(tiers.http, worker, readings)):
                report = await run_load(
                    bench,
                    ingest,
                    query,
                    rate=rate,
                    seconds=seconds,
                    options=(*course.options, *compares, *more),
                )
            if wide is not None:
                await wait_written(tiers.http, worker, _WRITE_SECONDS)
                found = await compare(bench, tiers, wide, buckets=buckets)
                report = found.in_report(report)
            bound = Bound(effort.most_growth_seconds, course.most_age_seconds)
            why = why_not(report, rate, while_sending(readings, seconds), bound)
            bench.report(f"{course.name}: {rate:,.0f} {why or 'holds'}")
            tried.append(f"{rate:,.0f} {why or 'held'}")
            reports[rate] = report
            return not why

        share = QUICK_SHARE if effort.quick else 1.0
        search = Search(
            first=course.first * share,
            factor=course.factor,
            tolerance=0.1,
            lowest=course.first * share / 20,
            highest=course.first * share * 20,
            most_tries=min(effort.search_tries, course.most_tries),
        )
        found = await search.run(lambda rate: holds(rate, effort.probe_seconds))
        if found is None:
            raise MeasurementError(f"{course.name}: no rate held: {'; '.join(tried)}")
        held = await confirm(
            found,
            STEP_DOWN,
            CONFIRMATIONS,
            lambda rate: holds(rate, effort.hold_seconds, "--ceiling"),
        )
        if held is None:
            raise MeasurementError(
                f"{course.name}: none held for {effort.hold_seconds:g} s: {'; '.join(tried)}"
            )
    report = reports[held]
    reference = None
    if report.ceiling_per_second is not None:
        reference = Reference("the client alone", report.ceiling_per_second)
    # A quick search does not reach the goal.
    goal = None if effort.quick else course.goal
    moonshot = ""
    if goal is not None:
        moonshot = f"moonshot {MOONSHOT:,}: {'reached' if held >= MOONSHOT else 'not reached'}; "
    return Figure(
        name=f"whole pipeline, {course.name}, held for {effort.hold_seconds:g} s",
        unit="events/s",
        ours=report.per_second,
        reference=reference,
        goal=goal,
        detail=(
            f"{moonshot}{report.events:,} events of {report.domains:,} domains, {report.verdict}; "
            f"{report.latency()}; tried: {'; '.join(tried)}"
        ),
    )


@dataclass(frozen=True, slots=True)
class Bound:
    """What the worker's delay may do while a rate holds."""

    growth_seconds: float
    age_seconds: float | None = None
    """Set: the delay may grow up to this age."""


def why_not(report: LoadReport, rate: float, readings: list[Reading], bound: Bound) -> str:
    """Return why *rate* does not hold; "" if it does."""
    if why := report.why_not_held(rate):
        return why
    if bound.age_seconds is not None:
        delay = longest_delay_seconds(readings)
        return f"the worker's delay reached {delay:.1f} s" if delay > bound.age_seconds else ""
    growth = growth_seconds(readings)
    return f"the worker's delay grew by {growth:.1f} s" if growth > bound.growth_seconds else ""


async def _look(http: aiohttp.ClientSession, worker: TierProcess, readings: list[Reading]) -> None:
    """Add a reading of *worker* every half second, until cancelled."""
    while True:
        readings.append(await read(http, worker))
        await asyncio.sleep(_LOOK_SECONDS)
