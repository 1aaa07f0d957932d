"""Collect a history, line by line, in the form that the rules need. Pure."""

from array import array
from collections.abc import Iterable, Iterator
from math import inf
from typing import NamedTuple

from tests.tools.chaos.check.domain import DomainEvidence
from tests.tools.chaos.history import (
    Fault,
    Final,
    Healed,
    Line,
    Pulse,
    Read,
    Request,
    Rows,
    Run,
    Settled,
    StoredRow,
    Unable,
)
from tests.tools.load.streams.event import Outcome

_NO_STATUS = 0


class FaultSpan(NamedTuple):
    """A fault from its beginning to its end; infinite without an end."""

    kind: str
    target: str
    begin: float
    end: float
    detail: str

    def touches(self, node: str) -> bool:
        """Return True if *node* is a target, or in the tier that is one."""
        targets = (target.strip() for target in self.target.split(","))
        return any(node == target or node.startswith(f"{target}-") for target in targets)


class Window(NamedTuple):
    """A period."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.begin


class Sending(NamedTuple):
    """A request without its events."""

    sent: float
    t: float
    node: str
    status: int | None
    accepted: int
    refused: int
    unanswered: int

    @property
    def is_success(self) -> bool:
        """True if the status accepts the whole request."""
        return self.status is not None and 200 <= self.status < 300


class Requests:
    """The requests of a run without their events, in 32 bytes each."""

    def __init__(self) -> None:
        self._times = array("d")
        self._counts = array("I")
        self._nodes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._times) // 2

    def add(self, request: Request) -> None:
        """Add *request*; its events are only counted."""
        tally = dict.fromkeys(Outcome, 0)
        for event in request.events:
            tally[event.outcome] += 1
        self._times.extend((request.sent, request.t))
        node = self._nodes.setdefault(request.node, len(self._nodes))
        status = _NO_STATUS if request.status is None else request.status
        # Below 2 ** 10 nodes and statuses: one number holds both.
        self._counts.extend((node << 10 | status, *tally.values()))

    def __iter__(self) -> Iterator[Sending]:
        """Yield the requests in the order of the history."""
        names = list(self._nodes)
        times, counts = iter(self._times), iter(self._counts)
        for sent, t, code, *tally in zip(times, times, *[counts] * 4, strict=True):
            accepted, refused, unanswered = tally
            status = code & 0x3FF
            yield Sending(sent, t, names[code >> 10], status or None, accepted, refused, unanswered)


class Evidence:
    """A history in the form that the rules need. Lines after the first may come in any order."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.domains: dict[str, DomainEvidence] = {}
        self.requests = Requests()
        self.pulses: list[Pulse] = []
        self.healed: float | None = None
        self.settled: Settled | None = None
        self.rows: dict[str, list[StoredRow]] = {}
        self.reads = 0
        """Answered reads."""
        self.end = 0.0
        """The time of the last line."""
        self._fault_ends: list[Fault] = []
        self._unable_ends: list[Unable] = []
        self._finals: list[Final] = []

    def add(self, line: Line) -> None:
        """Add *line*."""
        self.end = max(self.end, line.t)
        match line:
            case Request():
                self._add_request(line)
            case Read():
                self._add_read(line)
            case Pulse():
                self.pulses.append(line)
            case Final():
                self._finals.append(line)
            case Rows():
                self.rows[line.domain.lower()] = line.rows
            case _:
                self._add_mark(line)

    def close(self) -> None:
        """Add what depends on all lines. Call it once."""
        for final in self._finals:
            # A final answer has no time of its request; it was after the run had settled.
            sent = final.t if self.settled is None else min(self.settled.t, final.t)
            for answer in final.answers:
                self._domain(answer.domain).add_answer(
                    answer, sent, final.t, final.node, final=True
                )
        self._finals.clear()

    @property
    def is_compared(self) -> bool:
        """True if there is a final answer of a domain with events."""
        return any(domain.kinds and any(domain.last_finals()) for domain in self.domains.values())

    @property
    def faults(self) -> list[FaultSpan]:
        """The faults by their beginnings. A worker that left is away until it joins again."""
        ends = {end.id: end.t for end in self._fault_ends if end.phase == "end"}
        begins = sorted((b for b in self._fault_ends if b.phase == "begin"), key=lambda b: b.t)
        joins = [(b.target, b.t) for b in begins if b.kind == "join"]
        spans = []
        for begin in begins:
            end = ends.get(begin.id, inf)
            if begin.kind == "leave":
                back = (t for target, t in joins if target == begin.target and t >= begin.t)
                end = next(back, inf)
            spans.append(FaultSpan(begin.kind, begin.target, begin.t, end, begin.detail))
        return spans

    @property
    def unable(self) -> list[Window]:
        """The windows in which Kafka can't store."""
        windows = []
        begin: float | None = None
        for end in sorted(self._unable_ends, key=lambda end: end.t):
            if end.phase == "begin":
                begin = end.t if begin is None else begin
            elif begin is not None:
                windows.append(Window(begin, end.t))
                begin = None
        if begin is not None:
            windows.append(Window(begin, self.end))
        return windows

    def _add_mark(self, line: Run | Fault | Unable | Healed | Settled) -> None:
        match line:
            case Run():
                self.run = line
            case Fault():
                self._fault_ends.append(line)
            case Unable():
                self._unable_ends.append(line)
            case Healed():
                self.healed = line.t
            case Settled():
                self.settled = line

    def _add_request(self, request: Request) -> None:
        self.requests.add(request)
        for event in request.events:
            self._domain(event.domain).add_sent(event, request.sent, request.t)

    def _add_read(self, read: Read) -> None:
        self.reads += bool(read.answers)
        for answer in read.answers:
            self._domain(answer.domain).add_answer(
                answer, read.sent, read.t, read.node, final=False
            )

    def _domain(self, spelling: str) -> DomainEvidence:
        name = spelling.lower()
        domain = self.domains.get(name)
        if domain is None:
            domain = self.domains[name] = DomainEvidence(name)
        return domain


def gather(lines: Iterable[Line]) -> Evidence:
    """Return the evidence in *lines*."""
    evidence = Evidence()
    for line in lines:
        evidence.add(line)
    evidence.close()
    return evidence
