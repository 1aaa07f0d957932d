"""A figure, its reference and its goal."""

import pytest

from tests.tools.bench.report.figure import (
    Figure,
    Goal,
    Of,
    Reference,
    Verdict,
    at_least,
    at_most,
)


def figure(ours: float, reference: float | None = None, goal: Goal | None = None) -> Figure:
    """Return a figure with these values."""
    compared = None if reference is None else Reference("the other", reference)
    return Figure(name="PUT", unit="1/s", ours=ours, reference=compared, goal=goal)


@pytest.mark.parametrize("reference", [None, 0.0])
def test_there_is_no_ratio_to_nothing(reference: float | None) -> None:
    """Without a reference, or with a reference of zero."""
    assert figure(30.0, reference).ratio is None


@pytest.mark.parametrize(
    ("ours", "reference", "goal", "verdict"),
    [
        (500_000, None, at_least(500_000), Verdict.MET),
        (499_999, None, at_least(500_000), Verdict.MISSED),
        (200, None, at_most(200), Verdict.MET),
        (200.1, None, at_most(200), Verdict.MISSED),
        (12.5, 10.0, at_most(1.25, Of.RATIO), Verdict.MET),
        (12.6, 10.0, at_most(1.25, Of.RATIO), Verdict.MISSED),
        (10.0, 10.0, at_least(1.0, Of.RATIO), Verdict.MET),
        (9.9, 10.0, at_least(1.0, Of.RATIO), Verdict.MISSED),
        (9.9, None, at_least(1.0, Of.RATIO), Verdict.NO_REFERENCE),
        (9.9, 10.0, None, Verdict.NO_GOAL),
    ],
)
def test_a_goal_includes_its_bound(
    ours: float, reference: float | None, goal: Goal | None, verdict: Verdict
) -> None:
    """A goal for the ratio needs a reference."""
    assert figure(ours, reference, goal).verdict is verdict


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        (at_least(500_000), ">= 500,000 1/s"),
        (at_most(200), "<= 200 1/s"),
        (at_most(1.25, Of.RATIO), "<= 1.25 x the reference"),
    ],
)
def test_a_goal_names_its_bound(goal: Goal, text: str) -> None:
    """In the unit of the figure, or as a multiple of the reference."""
    assert goal.text("1/s") == text
