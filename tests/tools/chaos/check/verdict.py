"""The verdict of the checker."""

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from heapq import nsmallest
from typing import NamedTuple

from tests.tools.chaos.history import StoredRow

_KEPT_FINDINGS = 1_000


class Guarantee(StrEnum):
    """The guarantees of the system, with the numbers of the README."""

    R1 = "R1"
    R2 = "R2"
    R3 = "R3"
    R4 = "R4"
    R5 = "R5"
    R6 = "R6"
    R7 = "R7"
    R8 = "R8"

    @property
    def sentence(self) -> str:
        """The guarantee in a few words."""
        return _SENTENCES[self]


_SENTENCES = {
    Guarantee.R1: "nothing acknowledged is lost",
    Guarantee.R2: "nothing is counted that was not sent",
    Guarantee.R3: "no answer goes back",
    Guarantee.R4: "kinds and domains never mix",
    Guarantee.R5: "workers hand over exactly",
    Guarantee.R6: "events that can't be stored are refused",
    Guarantee.R7: "the system recovers by itself",
    Guarantee.R8: "a woken worker changes no answer",
}


class Standing(StrEnum):
    """What a history shows of a guarantee."""

    HELD = "held"
    BROKEN = "broken"
    NOT_EXERCISED = "not exercised"
    """No event of the history could have shown a violation."""


class Finding(NamedTuple):
    """A violation of a guarantee, when and how. ``domain`` is empty if it concerns none."""

    guarantee: Guarantee
    t: float
    domain: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.domain}: " if self.domain else ""
        return f"{self.guarantee} at {self.t:.2f} s: {where}{self.reason}"


class Exercise(NamedTuple):
    """Whether a history could have shown a guarantee broken, and the evidence."""

    seen: bool
    text: str


class Findings:
    """Findings counted by guarantee; a bounded number of early ones per guarantee is stored."""

    def __init__(self) -> None:
        self.counts: dict[Guarantee, int] = defaultdict(int)
        self._stored: dict[Guarantee, list[Finding]] = defaultdict(list)

    def add(self, finding: Finding) -> None:
        """Count *finding*, and store it if it is early."""
        self.counts[finding.guarantee] += 1
        stored = self._stored[finding.guarantee]
        stored.append(finding)
        if len(stored) >= 2 * _KEPT_FINDINGS:
            stored[:] = nsmallest(_KEPT_FINDINGS, stored, key=_by_time)

    def of(self, guarantee: Guarantee) -> list[Finding]:
        """Return the stored findings of *guarantee*, the earliest first."""
        return sorted(self._stored[guarantee], key=_by_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The part of a verdict about one guarantee."""

    guarantee: Guarantee
    standing: Standing
    evidence: str
    """What was compared, or what is missing."""
    broken: int
    """The number of findings; a domain counts once for each kind of violation."""
    findings: list[Finding]
    """The earliest findings."""


class WrongDomain(NamedTuple):
    """The first wrong domain, and its rows; None: the history has none."""

    finding: Finding
    rows: list[StoredRow] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of the check of a history."""

    judgements: list[Judgement]
    first_wrong: WrongDomain | None

    def of(self, guarantee: Guarantee) -> Judgement:
        """Return the judgement of *guarantee*."""
        return next(each for each in self.judgements if each.guarantee is guarantee)

    @property
    def findings(self) -> list[Finding]:
        """The findings of all guarantees, the earliest first."""
        return sorted((f for each in self.judgements for f in each.findings), key=_by_time)

    @property
    def ok(self) -> bool:
        """True if nothing is broken, and the counts were compared."""
        return not self._broken and self._compared

    @property
    def sentence(self) -> str:
        """The verdict in a sentence."""
        if self._broken:
            return f"{', '.join(each.guarantee for each in self._broken)} broken"
        if not self._compared:
            return f"nothing is proved: {self.of(Guarantee.R1).evidence}"
        unseen = [e.guarantee for e in self.judgements if e.standing is Standing.NOT_EXERCISED]
        return (
            f"everything exercised held; {', '.join(unseen)} not exercised"
            if unseen
            else ("everything held")
        )

    @property
    def _broken(self) -> list[Judgement]:
        return [each for each in self.judgements if each.standing is Standing.BROKEN]

    @property
    def _compared(self) -> bool:
        return self.of(Guarantee.R1).standing is not Standing.NOT_EXERCISED


def judgement(guarantee: Guarantee, findings: Findings, exercise: Exercise) -> Judgement:
    """Return the judgement: a finding counts even with little evidence."""
    broken = findings.counts[guarantee]
    standing = Standing.HELD if exercise.seen else Standing.NOT_EXERCISED
    return Judgement(
        guarantee=guarantee,
        standing=Standing.BROKEN if broken else standing,
        evidence=exercise.text,
        broken=broken,
        findings=findings.of(guarantee),
    )


def _by_time(finding: Finding) -> tuple[float, str]:
    return (finding.t, finding.domain)
