"""The figures of row 13 in the table."""

import msgspec
import pytest

from tests.tools.bench.assignment.results import Outcome, figures_of, kill_figure
from tests.tools.bench.effort import AssignmentLoad
from tests.tools.bench.report.figure import Verdict
from tests.unit.tools.bench.assignment.test_samples import samples
from tests.unit.tools.bench.load_reports import RATE, REPORT


@pytest.mark.parametrize(
    ("refused", "domains", "rate", "verdict"),
    [
        (0, 10_000_000, pytest.approx(RATE, rel=0.01), Verdict.MISSED),
        (0, 200_000, pytest.approx(RATE, rel=0.01), Verdict.NO_GOAL),
        (1, 10_000_000, 0.0, Verdict.MISSED),
    ],
)
def test_a_rate_that_is_not_held_counts_as_none(
    refused: int, domains: int, rate: float, verdict: Verdict
) -> None:
    """Its reason is in the detail. Only the whole load has a goal."""
    load = AssignmentLoad(domains=domains, rate=RATE)
    seen = samples()
    outcome = Outcome(
        report=msgspec.structs.replace(REPORT, refused=refused),
        first=seen[0],
        while_sending=seen,
        last=seen[-1],
        settled_seconds=1.0,
        sightings=[],
        failures=[],
    )
    figure = next(iter(figures_of(load, outcome, 60.0)))
    assert (figure.ours, figure.verdict) == (rate, verdict)
    assert ("1 refused" in figure.detail) == bool(refused)


@pytest.mark.parametrize(
    ("recovery", "ours", "verdict", "detail"),
    [
        ([9.0, 4.0], 9.0, Verdict.MET, "2 of 2 partitions, the first after 4.0 s"),
        ([9.0, 130.0], 130.0, Verdict.MISSED, "2 of 2 partitions, the first after 9.0 s"),
        ([None, 4.0], 600.0, Verdict.MISSED, "1 of 2 partitions, the first after 4.0 s"),
        ([None], 600.0, Verdict.MISSED, "0 of 1 partitions"),
    ],
)
def test_a_partition_that_nobody_takes_over_misses_the_goal(
    recovery: list[float | None], ours: float, verdict: Verdict, detail: str
) -> None:
    """It counts as long as the probe waited."""
    figure = kill_figure(recovery, 600.0)
    assert (figure.ours, figure.verdict, figure.detail) == (ours, verdict, detail)
