"""A figure, its reference, and whether it reaches its goal. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Whether a figure reaches its goal."""

    MET = "met"
    MISSED = "missed"
    NO_GOAL = "no goal"
    NO_REFERENCE = "no reference here"


class Of(StrEnum):
    """What a goal bounds: the value itself, or its ratio to the reference."""

    VALUE = "value"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound, in the figure's unit or as a ratio. ``least``: more is better."""

    bound: float
    least: bool
    of: Of = Of.VALUE

    def is_reached_by(self, measured: float) -> bool:
        """Return True if *measured* is on the right side of the bound."""
        return measured >= self.bound if self.least else measured <= self.bound

    def text(self, unit: str) -> str:
        """Return the goal as a table shows it."""
        sign = ">=" if self.least else "<="
        if self.of is Of.RATIO:
            return f"{sign} {self.bound:g} x the reference"
        return f"{sign} {number(self.bound)} {unit}"


def at_least(bound: float, of: Of = Of.VALUE) -> Goal:
    """Return the goal of *bound* or more."""
    return Goal(bound, least=True, of=of)


def at_most(bound: float, of: Of = Of.VALUE) -> Goal:
    """Return the goal of *bound* or less."""
    return Goal(bound, least=False, of=of)


@dataclass(frozen=True, slots=True)
class Reference:
    """The measurement that a figure is compared with, in the same unit."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table; ``detail`` has further observations in words."""

    name: str
    unit: str
    ours: float
    reference: Reference | None = None
    goal: Goal | None = None
    detail: str = ""

    @property
    def ratio(self) -> float | None:
        """Our value divided by the reference's; None without a reference."""
        if self.reference is None or not self.reference.value:
            return None
        return self.ours / self.reference.value

    @property
    def verdict(self) -> Verdict:
        """Whether the goal is reached, if there is a goal and enough to decide."""
        if self.goal is None:
            return Verdict.NO_GOAL
        measured = self.ours if self.goal.of is Of.VALUE else self.ratio
        if measured is None:
            return Verdict.NO_REFERENCE
        return Verdict.MET if self.goal.is_reached_by(measured) else Verdict.MISSED


_WHOLE_FROM = 100
_TENTHS_FROM = 10


def number(value: float) -> str:
    """Return *value* with about three significant digits and separated thousands."""
    if abs(value) >= _WHOLE_FROM:
        return f"{value:,.0f}"
    if abs(value) >= _TENTHS_FROM:
        return f"{value:.1f}"
    return f"{value:.2f}"
