"""Decide by a history whether the guarantees held: ``python -m tests.tools.chaos.check FILE``.

Exit status 0: they held; 1: something is wrong, or nothing was compared; 2: it is no history.
"""

from collections.abc import Iterable
from math import inf
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tests.tools.chaos.check_counts import judge_domain
from tests.tools.chaos.check_domain import MixedKeyError, totals
from tests.tools.chaos.check_evidence import Evidence, gather
from tests.tools.chaos.check_exercise import exercise, worker_freezes, worker_moves
from tests.tools.chaos.check_service import judge_recovery, judge_refusals
from tests.tools.chaos.check_verdict import (
    Finding,
    Findings,
    Guarantee,
    Verdict,
    WrongDomain,
    judgement,
)
from tests.tools.chaos.history import HistoryError, Line, Run, read_history
from tests.tools.chaos.summary import print_verdict, summarize
from tests.tools.chaos.timeline import write_html
from tests.tools.load.event import Kind

EXIT_WRONG = 1
EXIT_NO_HISTORY = 2

_OF_COUNTS = (Guarantee.R1, Guarantee.R2, Guarantee.R3, Guarantee.R4)


def check(history: Iterable[Line]) -> Verdict:
    """Return the verdict on *history*. ``HistoryError``: it can't be what a run wrote."""
    return judge(collect(history))


def collect(history: Iterable[Line]) -> Evidence:
    """Return what *history* says, for ``judge`` and for pictures of it."""
    try:
        return gather(history)
    except MixedKeyError as error:
        raise HistoryError(str(error)) from error


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict on *evidence*."""
    if (run := evidence.run) is None:
        raise HistoryError("the history doesn't say what was run")
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
                said = ", ".join(f"{kind} {count:,}" for kind, count in accepted.items())
                reason = f"no final answer speaks of it; accepted were {said}"
                yield Finding(Guarantee.R1, evidence.end, domain.name, reason)


def _first_wrong(evidence: Evidence, findings: Findings) -> WrongDomain | None:
    first = min(
        (kept[0] for guarantee in _OF_COUNTS if (kept := findings.of(guarantee))),
        key=lambda finding: (finding.t, finding.domain),
        default=None,
    )
    return None if first is None else WrongDomain(first, evidence.rows.get(first.domain))


def main(
    history: Annotated[Path, typer.Argument(help="The history of a run, in JSON lines.")],
    html: Annotated[Path | None, typer.Option(help="Draw the run into this file.")] = None,
) -> None:
    """Decide by a history whether the guarantees held."""
    try:
        evidence = collect(read_history(history))
        verdict = judge(evidence)
    except HistoryError as error:
        Console(stderr=True).print(str(error), markup=False, highlight=False)
        raise typer.Exit(EXIT_NO_HISTORY) from None
    summary = summarize(evidence)
    print_verdict(verdict, summary, Console())
    if html is not None:
        write_html(html, evidence, verdict, summary)
    if not verdict.ok:
        raise typer.Exit(EXIT_WRONG)


if __name__ == "__main__":
    typer.run(main)
