"""What a figure says of its reference and its goal."""

import pytest

from tests.tools.bench.report.figure import (
    Figure,
    Goal,
    Of,
    Reference,
    Verdict,
    at_least,
    at_most,
    number,
)


def figure(ours: float, reference: float | None = None, goal: Goal | None = None) -> Figure:
    """Return a figure of these values."""
    compared = None if reference is None else Reference("the other", reference)
    return Figure(name="PUT", unit="1/s", ours=ours, reference=compared, goal=goal)


def test_the_ratio_is_ours_to_the_reference() -> None:
    """Twice the reference is 2, whichever of them is better."""
    assert figure(30.0, 15.0).ratio == 2.0


@pytest.mark.parametrize("reference", [None, 0.0])
def test_nothing_to_divide_by_gives_no_ratio(reference: float | None) -> None:
    """Without a reference, or beside zero, there is no ratio."""
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
def test_a_goal_is_reached_at_its_bound_and_short_of_it_beyond(
    ours: float, reference: float | None, goal: Goal | None, verdict: Verdict
) -> None:
    """The bound itself is good enough; a ratio needs a reference to be told."""
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
    """A goal reads as a bound in the unit, or as a multiple of the reference."""
    assert goal.text("1/s") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1_234_567.8, "1,234,568"), (99.96, "100.0"), (12.34, "12.3"), (1.256, "1.26"), (0, "0.00")],
)
def test_numbers_have_about_three_digits(value: float, text: str) -> None:
    """Large ones have their thousands apart, small ones a fraction."""
    assert number(value) == text
