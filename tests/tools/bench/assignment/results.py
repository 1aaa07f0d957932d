"""The figures of row 13. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.tools.bench.assignment.samples import (
    Sample,
    describe_usage,
    describe_writes,
    growth_of_age,
    largest_age_seconds,
    largest_commit_delay_seconds,
    why_not_held,
)
from tests.tools.bench.client.probe import Sighting
from tests.tools.bench.effort import AssignmentLoad
from tests.tools.bench.load_tool import LoadReport
from tests.tools.bench.measurement.percentile import percentiles_ms
from tests.tools.bench.report.figure import Figure, Goal, at_least, at_most

GOAL_PER_SECOND = 60_000
MOST_P95_MS = 200
MOST_RECOVERY_SECONDS = 120
_WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was seen from the first event until all were counted."""

    report: LoadReport
    first: Sample
    while_sending: Sequence[Sample]
    """Until a worker was killed, if one was; so are the sightings."""
    last: Sample
    settled_seconds: float
    """From the last answer until everything was counted."""
    sightings: Sequence[Sighting]
    failures: Sequence[str]


def preload_figure(load: AssignmentLoad, seconds: float) -> Figure:
    """Return how fast the domains were counted for the first time."""
    return Figure(
        name=f"{load.domains:,} new domains, sorted by bucket, until all are counted",
        unit="domains/s",
        ours=load.domains / seconds,
        detail=f"by bulk through the product, in {seconds:,.0f} s",
    )


def figures_of(load: AssignmentLoad, outcome: Outcome, most_age_seconds: float) -> Iterator[Figure]:
    """Yield the figures of the load."""
    yield _rate(load, outcome, most_age_seconds)
    yield from _visible(load, outcome)
    yield _age(outcome, most_age_seconds)
    yield _cpu(outcome)
    yield _memory(load, outcome)


def _rate(load: AssignmentLoad, outcome: Outcome, most_age_seconds: float) -> Figure:
    report = outcome.report
    why = why_not_held(report, load.rate, outcome.while_sending, most_age_seconds)
    return Figure(
        name=(
            f"the assignment's load, uniform over {load.domains:,} domains by bulk, "
            f"held for {load.minutes:g} minutes"
        ),
        unit="events/s",
        ours=0.0 if why else report.per_second,
        goal=at_least(GOAL_PER_SECOND) if load.whole else None,
        detail=(
            f"{load.rate:,.0f} {why or 'held'}; {report.accepted:,} events of "
            f"{report.domains:,} domains accepted, {report.accepted / report.seconds_sending:,.0f} "
            f"a second; {report.latency()}; {load.workers} worker(s): "
            f"{describe_writes(outcome.while_sending[-1], outcome.while_sending[0])}"
        ),
    )


def _visible(load: AssignmentLoad, outcome: Outcome) -> Iterator[Figure]:
    if not outcome.sightings:
        return
    times = percentiles_ms([sighting.seconds for sighting in outcome.sightings])
    failed = f"; {len(outcome.failures)} failed: {outcome.failures[0]}" if outcome.failures else ""
    goals: tuple[tuple[str, float, Goal | None], ...] = (
        ("P50", times.p50, None),
        ("P95", times.p95, at_most(MOST_P95_MS)),
        ("P99", times.p99, None),
    )
    for name, ours, goal in goals:
        yield Figure(
            name=f"PUT to changed GET, {name}, {load.rate:,.0f} events/s beside it",
            unit="ms",
            ours=ours,
            goal=goal,
            detail=f"{len(outcome.sightings):,} domains; max {times.most:,.0f} ms{failed}",
        )


def _age(outcome: Outcome, most_age_seconds: float) -> Figure:
    samples = outcome.while_sending
    return Figure(
        name="age of the oldest count, the largest",
        unit="s",
        ours=largest_age_seconds(samples),
        goal=at_most(most_age_seconds),
        detail=(
            f"{samples[-1].age_seconds:.0f} s at the end; it grew by {growth_of_age(samples):.2f} "
            f"s each second in the last third; offsets were committed at most "
            f"{largest_commit_delay_seconds(samples):.0f} s late; "
            f"everything was counted {outcome.settled_seconds:.0f} s after the last answer"
        ),
    )


def _cpu(outcome: Outcome) -> Figure:
    """Return the CPU of all processes, from the first event until all were counted."""
    events = max(1, outcome.report.accepted)
    before = outcome.first.usage
    parts = {
        name: (at.cpu_seconds - (before[name].cpu_seconds if name in before else 0.0))
        / events
        * 1_000_000
        for name, at in outcome.last.usage.items()
    }
    return Figure(
        name="CPU per event, all parts",
        unit="us",
        ours=sum(parts.values()),
        detail=", ".join(f"{name} {us:.2f}" for name, us in parts.items()),
    )


def _memory(load: AssignmentLoad, outcome: Outcome) -> Figure:
    workers = [at for name, at in outcome.last.usage.items() if name.startswith(_WORKER)]
    resident = sum(worker.resident_bytes for worker in workers)
    return Figure(
        name="memory of all workers",
        unit="bytes",
        ours=float(resident),
        detail=(
            f"{resident / load.domains:.0f} bytes a domain, all in; "
            f"{describe_usage(outcome.last.usage)}"
        ),
    )


def kill_figure(recovery: Sequence[float | None], most_age_seconds: float) -> Figure:
    """Return how long a new change of status took in the partitions of a killed worker.

    None stands for a partition that showed none within *most_age_seconds*.
    """
    seen = sorted(seconds for seconds in recovery if seconds is not None)
    return Figure(
        name="a worker is killed: until the last of its partitions shows a new change",
        unit="s",
        ours=seen[-1] if len(seen) == len(recovery) else most_age_seconds,
        goal=at_most(MOST_RECOVERY_SECONDS),
        detail=f"{len(seen)} of {len(recovery)} partitions"
        + (f", the first after {seen[0]:.1f} s" if seen else ""),
    )
