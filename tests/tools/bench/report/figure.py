"""A figure, what it is compared with, and whether it reaches its goal. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a table says of a figure."""

    HOLDS = "holds"
    SHORT = "short of the goal"
    NO_GOAL = "no goal"
    NO_REFERENCE = "no reference here"


class Of(StrEnum):
    """What a goal is about: the value itself, or its ratio to the reference."""

    VALUE = "value"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound, in the figure's unit or as a ratio. ``least``: more is better."""

    bound: float
    least: bool
    of: Of = Of.VALUE

    def is_reached_by(self, measured: float) -> bool:
        """Whether *measured* is on the right side of the bound."""
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
    """What was measured beside the figure, in the same unit."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table; ``detail`` says in words what else was seen."""

    name: str
    unit: str
    ours: float
    reference: Reference | None = None
    goal: Goal | None = None
    detail: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours to the reference's, None where there is nothing to divide by."""
        if self.reference is None or not self.reference.value:
            return None
        return self.ours / self.reference.value

    @property
    def verdict(self) -> Verdict:
        """Whether the goal is reached, if there is one and it can be told."""
        if self.goal is None:
            return Verdict.NO_GOAL
        measured = self.ours if self.goal.of is Of.VALUE else self.ratio
        if measured is None:
            return Verdict.NO_REFERENCE
        return Verdict.HOLDS if self.goal.is_reached_by(measured) else Verdict.SHORT


_WHOLE_FROM = 100
_TENTHS_FROM = 10


def number(value: float) -> str:
    """Return *value* with about three significant digits and its thousands apart."""
    if abs(value) >= _WHOLE_FROM:
        return f"{value:,.0f}"
    if abs(value) >= _TENTHS_FROM:
        return f"{value:.1f}"
    return f"{value:.2f}"
