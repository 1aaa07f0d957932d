"""Judge the answers about one domain by what it was sent: R1 to R4. Pure.

Of each way of being wrong, the earliest answer of a domain that shows it is the finding.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate

from tests.tools.chaos.check.domain import (
    Counted,
    DomainEvidence,
    Observation,
    totals,
    totals_by_spelling,
)
from tests.tools.chaos.check.verdict import Finding, Guarantee
from tests.tools.load.streams.event import Kind

_RANKS = {"unknown": 0, "catch-all": 1, "not catch-all": 2}
"""A status may only move to a higher rank."""


def judge_domain(domain: DomainEvidence, threshold: int) -> Iterator[Finding]:
    """Yield what is wrong with *domain*, if anything."""
    observations = sorted(domain.observations, key=lambda seen: seen.t)
    yield from _judge_stranger(domain, observations)
    for kind in Kind:
        events = domain.counted(kind)
        yield from _judge_invented(domain, kind, events, observations)
        yield from _judge_mixed(domain, kind, observations)
        yield from _judge_final(domain, kind, events)
        yield from _judge_order(domain, kind, observations)
    yield from _judge_status(domain, observations, threshold)
    yield from _judge_spellings(domain)


def _judge_invented(
    domain: DomainEvidence, kind: Kind, events: list[Counted], observations: list[Observation]
) -> Iterator[Finding]:
    """R2: no answer shows more than was sent before it was there."""
    if not observations:
        return
    by_sent = sorted((event.sent, event.amount) for event in events)
    times = [sent for sent, _ in by_sent]
    sums = list(accumulate((amount for _, amount in by_sent), initial=0))
    for seen in observations:
        most = sums[bisect_right(times, seen.t)]
        if seen.shown(kind) > most:
            reason = f"{_says(seen)} {kind} {seen.shown(kind):,}, at most {most:,} were sent"
            yield Finding(Guarantee.R2, seen.t, domain.name, reason)
            return


def _judge_final(domain: DomainEvidence, kind: Kind, events: list[Counted]) -> Iterator[Finding]:
    """R1: the final count is no less than what was accepted."""
    accepted = totals(events).accepted
    for seen in domain.last_finals():
        if (shown := seen.shown(kind)) >= accepted:
            continue
        reason = f"{_says(seen)} {kind} {shown:,}, accepted were {accepted:,}"
        yield Finding(Guarantee.R1, seen.t, domain.name, reason)
        apart = [
            spelling
            for spelling, alone in totals_by_spelling(events).items()
            if alone.accepted <= shown <= alone.most
        ]
        if shown and apart:
            reason = f"{kind} {shown:,} is what {apart[0]!r} alone was sent, of {accepted:,}"
            yield Finding(Guarantee.R4, seen.t, domain.name, reason)
        return


def _judge_order(
    domain: DomainEvidence, kind: Kind, observations: list[Observation]
) -> Iterator[Finding]:
    """R3: an answer shows no less than any that was there before it was asked for."""
    for before, seen in _later_pairs(observations, lambda seen: seen.shown(kind)):
        if seen.shown(kind) < before.shown(kind):
            reason = (
                f"{_says(seen)} {kind} {seen.shown(kind):,}, "
                f"{before.node} had said {before.shown(kind):,} at {before.t:.2f} s"
            )
            yield Finding(Guarantee.R3, seen.t, domain.name, reason)
            return


def _judge_status(
    domain: DomainEvidence, observations: list[Observation], threshold: int
) -> Iterator[Finding]:
    """R3: the status never goes back, and is what the counts beside it prove."""
    for seen in observations:
        if seen.status != (due := _status_due(seen, threshold)):
            reason = f"{_says(seen)} {seen.status!r}, its counts say {due!r}"
            yield Finding(Guarantee.R3, seen.t, domain.name, reason)
            break
    for before, seen in _later_pairs(observations, _rank):
        if _rank(seen) < _rank(before):
            reason = (
                f"{_says(seen)} {seen.status!r}, "
                f"{before.node} had said {before.status!r} at {before.t:.2f} s"
            )
            yield Finding(Guarantee.R3, seen.t, domain.name, reason)
            return


def _judge_stranger(domain: DomainEvidence, observations: list[Observation]) -> Iterator[Finding]:
    """R4: a domain that was never sent is unknown and has no counts."""
    if domain.kinds:
        return
    for seen in observations:
        if seen.delivered or seen.bounced or _rank(seen):
            reason = (
                f"{_says(seen)} {seen.status!r}, delivered {seen.delivered:,}, "
                f"bounced {seen.bounced:,}; the domain was never sent"
            )
            yield Finding(Guarantee.R4, seen.t, domain.name, reason)
            return


def _judge_mixed(
    domain: DomainEvidence, kind: Kind, observations: list[Observation]
) -> Iterator[Finding]:
    """R4: no event of one kind counts as another."""
    if not domain.kinds or kind in domain.kinds:
        return
    for seen in observations:
        if seen.shown(kind):
            reason = f"{_says(seen)} {kind} {seen.shown(kind):,}; none was ever sent"
            yield Finding(Guarantee.R4, seen.t, domain.name, reason)
            return


def _judge_spellings(domain: DomainEvidence) -> Iterator[Finding]:
    """R4: in the end a node says the same of a domain however it is spelled."""
    said: dict[str, Observation] = {}
    for seen in domain.last_finals():
        first = said.setdefault(seen.node, seen)
        if (first.delivered, first.bounced) != (seen.delivered, seen.bounced):
            reason = (
                f"{seen.node} says {first.delivered:,}/{first.bounced:,} of {first.spelling!r} "
                f"and {seen.delivered:,}/{seen.bounced:,} of {seen.spelling!r}"
            )
            yield Finding(Guarantee.R4, seen.t, domain.name, reason)
            return


def _later_pairs(
    observations: list[Observation], height: Callable[[Observation], int]
) -> Iterator[tuple[Observation, Observation]]:
    """Yield each observation after the highest of those that were there before it was asked for.

    *observations* are in the order of their answers. What overlaps is in no order.
    """
    answered = iter(observations)
    coming = next(answered, None)
    highest: Observation | None = None
    for seen in sorted(observations, key=lambda seen: seen.sent):
        while coming is not None and coming.t < seen.sent:
            if highest is None or height(coming) > height(highest):
                highest = coming
            coming = next(answered, None)
        if highest is not None:
            yield highest, seen


def _status_due(seen: Observation, threshold: int) -> str:
    if seen.bounced > 0:
        return "not catch-all"
    return "catch-all" if seen.delivered > threshold else "unknown"


def _rank(seen: Observation) -> int:
    return _RANKS.get(seen.status, 0)


def _says(seen: Observation) -> str:
    return f"in the end {seen.node} says" if seen.final else f"{seen.node} said"
