"""Decide from a history whether the guarantees held. Pure."""

from collections.abc import Iterable
from math import inf

from tests.tools.chaos.check.counts import judge_domain
from tests.tools.chaos.check.domain import MixedKeyError, totals
from tests.tools.chaos.check.evidence import Evidence, gather
from tests.tools.chaos.check.exercise import exercise, worker_freezes, worker_moves
from tests.tools.chaos.check.service import judge_recovery, judge_refusals
from tests.tools.chaos.check.verdict import (
    Finding,
    Findings,
    Guarantee,
    Verdict,
    WrongDomain,
    judgement,
)
from tests.tools.chaos.history import HistoryError, Line, Run
from tests.tools.load.streams.event import Kind

_OF_COUNTS = (Guarantee.R1, Guarantee.R2, Guarantee.R3, Guarantee.R4)


def check(history: Iterable[Line]) -> Verdict:
    """Return the verdict on *history*; raises HistoryError if no run wrote it."""
    return judge(collect(history))


def collect(history: Iterable[Line]) -> Evidence:
    """Collect *history* for ``judge`` and for the timeline."""
    try:
        return gather(history)
    except MixedKeyError as error:
        raise HistoryError(str(error)) from error


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict on *evidence*."""
    if (run := evidence.run) is None:
        raise HistoryError("the history has no line about the run")
    findings = Findings()
    for finding in _all_findings(evidence, run):
        findings.add(finding)
    return Verdict(
        judgements=[
            judgement(guarantee, findings, exercise(guarantee, evidence)) for guarantee in Guarantee
        ],
        first_wrong=_first_wrong(evidence, findings),
    )


def _all_findings(evidence: Evidence, run: Run) -> Iterable[Finding]:
    compared = evidence.is_compared
    moved = bool(worker_moves(evidence))
    woken = min((freeze.end for freeze in worker_freezes(evidence)), default=inf)
    for finding in _of_domains(evidence, run, compared=compared):
        yield finding
        if moved and finding.guarantee in {Guarantee.R1, Guarantee.R2}:
            yield finding._replace(guarantee=Guarantee.R5)
        if finding.guarantee in {Guarantee.R2, Guarantee.R3} and finding.t >= woken:
            yield finding._replace(guarantee=Guarantee.R8)
    yield from judge_refusals(evidence, run.promise)
    yield from judge_recovery(evidence, run.promise)


def _of_domains(evidence: Evidence, run: Run, *, compared: bool) -> Iterable[Finding]:
    for domain in evidence.domains.values():
        yield from judge_domain(domain, run.threshold)
        if compared and not any(domain.last_finals()):
            accepted = {kind: totals(domain.counted(kind)).accepted for kind in Kind}
            if any(accepted.values()):
                counts = ", ".join(f"{kind} {count:,}" for kind, count in accepted.items())
                reason = f"no final answer about it; accepted were {counts}"
                yield Finding(Guarantee.R1, evidence.end, domain.name, reason)


def _first_wrong(evidence: Evidence, findings: Findings) -> WrongDomain | None:
    first = min(
        (stored[0] for guarantee in _OF_COUNTS if (stored := findings.of(guarantee))),
        key=lambda finding: (finding.t, finding.domain),
        default=None,
    )
    return None if first is None else WrongDomain(first, evidence.rows.get(first.domain))
