"""Judge the answers about one domain by the events sent to it: R1 to R4. Pure.

For each kind of violation, the finding is the earliest answer of a domain that shows it.
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
    """Yield the violations of *domain*."""
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
    """R2: no answer shows more events than were sent before it arrived."""
    if not observations:
        return
    by_sent = sorted((event.sent, event.amount) for event in events)
    times = [sent for sent, _ in by_sent]
    sums = list(accumulate((amount for _, amount in by_sent), initial=0))
    for seen in observations:
        most = sums[bisect_right(times, seen.t)]
        if seen.shown(kind) > most:
            reason = (
                f"{_answered(seen)} {kind} {seen.shown(kind):,}, but at most {most:,} were sent"
            )
            yield Finding(Guarantee.R2, seen.t, domain.name, reason)
            return


def _judge_final(domain: DomainEvidence, kind: Kind, events: list[Counted]) -> Iterator[Finding]:
    """R1: the final count is at least the number of accepted events."""
    accepted = totals(events).accepted
    for seen in domain.last_finals():
        if (shown := seen.shown(kind)) >= accepted:
            continue
        reason = f"{_answered(seen)} {kind} {shown:,}, but {accepted:,} were accepted"
        yield Finding(Guarantee.R1, seen.t, domain.name, reason)
        apart = [
            spelling
            for spelling, alone in totals_by_spelling(events).items()
            if alone.accepted <= shown <= alone.most
        ]
        if shown and apart:
            reason = (
                f"{kind} {shown:,} is the count of the spelling {apart[0]!r} alone, of {accepted:,}"
            )
            yield Finding(Guarantee.R4, seen.t, domain.name, reason)
        return


def _judge_order(
    domain: DomainEvidence, kind: Kind, observations: list[Observation]
) -> Iterator[Finding]:
    """R3: an answer shows at least as much as any that arrived before its request."""
    for before, seen in _later_pairs(observations, lambda seen: seen.shown(kind)):
        if seen.shown(kind) < before.shown(kind):
            reason = (
                f"{_answered(seen)} {kind} {seen.shown(kind):,}, "
                f"{before.node} had answered {before.shown(kind):,} at {before.t:.2f} s"
            )
            yield Finding(Guarantee.R3, seen.t, domain.name, reason)
            return


def _judge_status(
    domain: DomainEvidence, observations: list[Observation], threshold: int
) -> Iterator[Finding]:
    """R3: the status never goes back, and matches the counts of its answer."""
    for seen in observations:
        if seen.status != (due := _status_due(seen, threshold)):
            reason = f"{_answered(seen)} {seen.status!r}, but its counts prove {due!r}"
            yield Finding(Guarantee.R3, seen.t, domain.name, reason)
            break
    for before, seen in _later_pairs(observations, _rank):
        if _rank(seen) < _rank(before):
            reason = (
                f"{_answered(seen)} {seen.status!r}, "
                f"{before.node} had answered {before.status!r} at {before.t:.2f} s"
            )
            yield Finding(Guarantee.R3, seen.t, domain.name, reason)
            return


def _judge_stranger(domain: DomainEvidence, observations: list[Observation]) -> Iterator[Finding]:
    """R4: a domain without events is unknown and has no counts."""
    if domain.kinds:
        return
    for seen in observations:
        if seen.delivered or seen.bounced or _rank(seen):
            reason = (
                f"{_answered(seen)} {seen.status!r}, delivered {seen.delivered:,}, "
                f"bounced {seen.bounced:,}; no event of the domain was sent"
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
            reason = f"{_answered(seen)} {kind} {seen.shown(kind):,}; none was sent"
            yield Finding(Guarantee.R4, seen.t, domain.name, reason)
            return


def _judge_spellings(domain: DomainEvidence) -> Iterator[Finding]:
    """R4: in the end a node has the same answer for every spelling of a domain."""
    answered: dict[str, Observation] = {}
    for seen in domain.last_finals():
        first = answered.setdefault(seen.node, seen)
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
    """Yield each observation with the highest of those that arrived before its request.

    *observations* are in the order of their answers. Overlapping requests have no order.
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


def _answered(seen: Observation) -> str:
    return f"in the end {seen.node} answers" if seen.final else f"{seen.node} answered"
