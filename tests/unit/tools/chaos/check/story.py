"""Short histories, written by hand."""

from math import inf
from typing import Self

from tests.tools.chaos.check.rules import check
from tests.tools.chaos.check.verdict import Guarantee, Standing, Verdict
from tests.tools.chaos.history import (
    Answer,
    Fault,
    Final,
    Healed,
    Line,
    Promise,
    Pulse,
    Read,
    Request,
    Rows,
    Run,
    SentEvent,
    Settled,
    StoredRow,
    Unable,
)
from tests.tools.load.streams.event import Kind, Outcome

THRESHOLD = 3
PROMISE = Promise(refusal_seconds=5.0, visible_seconds=2.0, memory_bytes=1_000)
_STATUSES = {Outcome.ACCEPTED: 202, Outcome.REFUSED: 503, Outcome.UNANSWERED: None}


class Story:
    """The lines of a history; each method appends one or two and returns the story."""

    def __init__(self) -> None:
        self.lines: list[Line] = [
            Run(
                t=0.0,
                seed=7,
                began="2026-01-01T00:00:00Z",
                threshold=THRESHOLD,
                promise=PROMISE,
                nodes=["ingest-1", "worker-1", "query-1"],
            )
        ]
        self._faults = 0

    def sent(
        self,
        sent: float,
        kind: str = "delivered",
        *,
        outcome: str = "accepted",
        domain: str = "a.example",
        took: float = 0.1,
        count: int = 1,
        key: str | None = None,
        node: str = "ingest-1",
        status: int | None = None,
    ) -> Self:
        """Add a PUT of *kind*; without a status, the status follows from the outcome."""
        became = Outcome(outcome)
        event = SentEvent(domain, Kind(kind), count, key, became)
        self.lines.append(
            Request(
                t=sent + took,
                sent=sent,
                way="put",
                node=node,
                status=_STATUSES[became] if status is None else status,
                events=[event],
            )
        )
        return self

    def read(
        self,
        t: float,
        delivered: int = 0,
        bounced: int = 0,
        *,
        status: str | None = None,
        domain: str = "a.example",
        sent: float | None = None,
        node: str = "query-1",
    ) -> Self:
        """Add a read answered at *t*; without *sent*, it was sent 0.05 s before."""
        asked = t - 0.05 if sent is None else sent
        answers = [_answer(domain, delivered, bounced, status)]
        self.lines.append(Read(t=t, sent=asked, node=node, status=200, answers=answers))
        return self

    def final(
        self,
        delivered: int = 0,
        bounced: int = 0,
        *,
        t: float = 100.0,
        status: str | None = None,
        domain: str = "a.example",
        node: str = "query-1",
    ) -> Self:
        """Add a final answer."""
        answers = [_answer(domain, delivered, bounced, status)]
        self.lines.append(Final(t=t, node=node, answers=answers))
        return self

    def fault(self, kind: str, target: str, begin: float, end: float = inf) -> Self:
        """Add a fault with both its ends, or only its beginning."""
        self._faults += 1
        number = self._faults
        self.lines.append(Fault(t=begin, id=number, kind=kind, target=target, phase="begin"))
        if end < inf:
            self.lines.append(Fault(t=end, id=number, kind=kind, target=target, phase="end"))
        return self

    def unable(self, begin: float, end: float) -> Self:
        """Add a window in which Kafka can't store."""
        self.lines += [Unable(t=begin, phase="begin"), Unable(t=end, phase="end")]
        return self

    def pulse(
        self,
        t: float,
        *,
        ready: dict[str, bool | None] | None = None,
        live: dict[str, bool | None] | None = None,
        rss: dict[str, int] | None = None,
        lag: int | None = 0,
    ) -> Self:
        """Add the state of the nodes: by default alive and ready, with little memory."""
        self.lines.append(
            Pulse(
                t=t,
                lag=lag,
                rss=rss or {"ingest-1": 500},
                ready={"ingest-1": True} if ready is None else ready,
                live={"ingest-1": True} if live is None else live,
            )
        )
        return self

    def settled(
        self, t: float = 90.0, lag_zero: float | None = 1.0, visible: float | None = 0.5
    ) -> Self:
        """Add the end of the last fault, and how the system recovered."""
        self.lines.append(Healed(t=t - 5.0))
        self.lines.append(Settled(t=t, lag_zero_seconds=lag_zero, visible_seconds=visible))
        return self

    def rows(self, *rows: StoredRow, domain: str = "a.example") -> Self:
        """Add the rows of a domain."""
        self.lines.append(Rows(t=101.0, domain=domain, rows=list(rows)))
        return self

    def verdict(self) -> Verdict:
        """The verdict on the story."""
        return check(self.lines)

    def broken(self) -> set[str]:
        """The guarantees that the checker finds broken."""
        return {
            each.guarantee.value
            for each in self.verdict().judgements
            if each.standing is Standing.BROKEN
        }

    def standing(self, guarantee: Guarantee) -> Standing:
        """The standing of *guarantee*."""
        return self.verdict().of(guarantee).standing


def _answer(domain: str, delivered: int, bounced: int, status: str | None) -> Answer:
    due = "not catch-all" if bounced else "catch-all" if delivered > THRESHOLD else "unknown"
    return Answer(domain, due if status is None else status, delivered, bounced)
