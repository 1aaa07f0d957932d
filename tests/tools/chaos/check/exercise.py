"""Decide whether a history could have shown a guarantee broken, and by how much evidence. Pure."""

from collections import Counter
from collections.abc import Callable
from math import inf

from tests.tools.chaos.check.evidence import Evidence, FaultSpan
from tests.tools.chaos.check.service import sent_while_unable
from tests.tools.chaos.check.verdict import Exercise, Guarantee

_WORKERS = ("worker", "consumer")
_MOVES = frozenset({"kill", "restart", "stop", "join", "leave", "freeze"})
"""FaultInjector of a worker that move its partitions."""


def exercise(guarantee: Guarantee, evidence: Evidence) -> Exercise:
    """Return the evidence about *guarantee* in *evidence*."""
    return _EXERCISES[guarantee](evidence)


def worker_moves(evidence: Evidence) -> list[FaultSpan]:
    """Return the faults after which partitions change hands."""
    return _of_workers(evidence, _MOVES)


def worker_freezes(evidence: Evidence) -> list[FaultSpan]:
    """Return the periods in which a worker was frozen until it woke."""
    return [fault for fault in _of_workers(evidence, {"freeze"}) if fault.end < inf]


def _of_workers(evidence: Evidence, kinds: set[str] | frozenset[str]) -> list[FaultSpan]:
    return [f for f in evidence.faults if f.kind in kinds and f.target.startswith(_WORKERS)]


def _lost(evidence: Evidence) -> Exercise:
    if not evidence.is_compared:
        return Exercise(seen=False, text="there are no final answers to compare")
    compared = sum(
        bool(domain.kinds) and any(domain.last_finals()) for domain in evidence.domains.values()
    )
    return Exercise(seen=True, text=f"{compared:,} domains compared in the end")


def _invented(evidence: Evidence) -> Exercise:
    if not any(domain.observations for domain in evidence.domains.values()):
        return Exercise(seen=False, text="no domain was read")
    finals = "the final answers" if evidence.is_compared else "no final answers"
    return Exercise(seen=True, text=f"{evidence.reads:,} reads and {finals}")


def _order(evidence: Evidence) -> Exercise:
    again = sum(len(domain.observations) > 1 for domain in evidence.domains.values())
    return Exercise(seen=again > 0, text=f"{again:,} domains read more than once")


def _mixed(evidence: Evidence) -> Exercise:
    strangers = sum(not domain.kinds for domain in evidence.domains.values())
    return Exercise(seen=strangers > 0, text=f"{strangers:,} domains read that had no events")


def _moved(evidence: Evidence) -> Exercise:
    if not (moves := worker_moves(evidence)):
        return Exercise(seen=False, text="no worker joined, left or died")
    kinds = Counter(move.kind for move in moves)
    text = ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common())
    return Exercise(seen=evidence.is_compared, text=f"of workers: {text}")


def _refused(evidence: Evidence) -> Exercise:
    if not (windows := evidence.unable):
        return Exercise(seen=False, text="Kafka could always store")
    sent = sent_while_unable(evidence)
    seconds = sum(window.seconds for window in windows)
    return Exercise(
        seen=sent > 0, text=f"{sent:,} requests in {seconds:.1f} s in which Kafka could not store"
    )


def _recovered(evidence: Evidence) -> Exercise:
    if (settled := evidence.settled) is None:
        return Exercise(seen=False, text="the history ends before the system had settled")
    lag, visible = (
        "never" if seconds is None else f"after {seconds:.2f} s"
        for seconds in (settled.lag_zero_seconds, settled.visible_seconds)
    )
    return Exercise(seen=True, text=f"lag 0 {lag}, a new event visible {visible}")


def _woken(evidence: Evidence) -> Exercise:
    if not (freezes := worker_freezes(evidence)):
        return Exercise(seen=False, text="no worker was frozen and woken")
    first = min(freeze.end for freeze in freezes)
    seen = any(o.t >= first for domain in evidence.domains.values() for o in domain.observations)
    longest = max(freeze.end - freeze.begin for freeze in freezes)
    text = f"workers frozen {len(freezes):,} times, {longest:.1f} s at most"
    return Exercise(seen=seen, text=text)


_EXERCISES: dict[Guarantee, Callable[[Evidence], Exercise]] = {
    Guarantee.R1: _lost,
    Guarantee.R2: _invented,
    Guarantee.R3: _order,
    Guarantee.R4: _mixed,
    Guarantee.R5: _moved,
    Guarantee.R6: _refused,
    Guarantee.R7: _recovered,
    Guarantee.R8: _woken,
}
