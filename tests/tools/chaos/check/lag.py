"""Measure how long a count lagged behind the accepted events. Pure."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from math import inf
from typing import NamedTuple

from tests.tools.chaos.check.domain import DomainEvidence
from tests.tools.load.streams.event import Kind


class Lag(NamedTuple):
    """The period in which answers did not show an accepted event, as far as reads prove it."""

    seconds: float
    """From its 202 to the sending of the last read without it: a lower bound."""
    shown_seconds: float | None
    """To the first answer with it: an upper bound. None: there was none."""
    domain: str
    kind: Kind
    accepted: float


def longest_lag(domains: Iterable[DomainEvidence]) -> Lag | None:
    """Return the longest lag that a read proves; None: every read showed all accepted events.

    Only reads prove a lag: a domain that nobody read for a minute does not have a lag of a minute.
    """
    lags = (lag for domain in domains for kind in Kind if (lag := _lag(domain, kind)))
    return max(lags, key=lambda lag: lag.seconds, default=None)


def _lag(domain: DomainEvidence, kind: Kind) -> Lag | None:
    events = sorted((e.accepted, e.amount) for e in domain.counted(kind) if e.accepted < inf)
    sums = list(accumulate(amount for _, amount in events))
    longest, missing = 0.0, 0
    for seen in domain.observations:
        first_missing = bisect_right(sums, seen.shown(kind))
        if first_missing == len(events):
            continue
        behind = seen.sent - events[first_missing][0]
        if behind > longest:
            longest, missing = behind, first_missing
    if not longest:
        return None
    accepted, _ = events[missing]
    shown = min(
        (s.t for s in domain.observations if s.shown(kind) >= sums[missing] and s.t >= accepted),
        default=None,
    )
    return Lag(
        seconds=longest,
        shown_seconds=None if shown is None else max(shown - accepted, longest),
        domain=domain.name,
        kind=kind,
        accepted=accepted,
    )
