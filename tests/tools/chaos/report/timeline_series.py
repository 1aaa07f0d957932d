"""Summarize a run by second, or by a few seconds if it is long. Pure."""

from dataclasses import dataclass
from math import ceil

from tests.tools.chaos.check.evidence import Evidence

_MOST_BINS = 720
"""More would be narrower than a line."""


@dataclass(slots=True)
class Bin:
    """The events and answers of a short period."""

    begin: float
    end: float
    accepted: int = 0
    refused: int = 0
    unanswered: int = 0
    latency_seconds: float | None = None
    """The longest answer in it; None: there was none."""

    def per_second(self, events: int) -> float:
        """Return *events* of this period as a rate."""
        return events / (self.end - self.begin)


def bins(evidence: Evidence) -> list[Bin]:
    """Return the run in periods of equal length, by the time each outcome was known."""
    width = ceil(max(evidence.end, 1.0) / _MOST_BINS)
    number = int(evidence.end // width) + 1
    result = [Bin(i * width, (i + 1) * width) for i in range(number)]
    for request in evidence.requests:
        its = result[max(0, int(request.t // width))]
        its.accepted += request.accepted
        its.refused += request.refused
        its.unanswered += request.unanswered
        if request.status is not None:
            its.latency_seconds = max(its.latency_seconds or 0.0, request.t - request.sent)
    return result


def round_up(value: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten: the top of an axis."""
    power = 1.0
    while power * 10 <= value:
        power *= 10
    return next(power * step for step in (1, 2, 5, 10) if power * step >= value)
