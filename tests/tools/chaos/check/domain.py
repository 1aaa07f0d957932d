"""The events sent to one domain, and its answers. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import inf
from sys import intern
from typing import NamedTuple

from tests.tools.chaos.history import Answer, SentEvent
from tests.tools.load.streams.event import Kind, Outcome


class MixedKeyError(Exception):
    """One key names different events, which no sender may do."""


class Counted(NamedTuple):
    """An event that may be counted; refused ones are left out."""

    sent: float
    accepted: float
    """When its 202 arrived; infinite without one."""
    amount: int
    spelling: str
    """The spelling of the domain in the request."""


class Observation(NamedTuple):
    """One answer about the domain."""

    sent: float
    t: float
    node: str
    spelling: str
    status: str
    delivered: int
    bounced: int
    final: bool

    def shown(self, kind: Kind) -> int:
        """Return the answered count of *kind*."""
        return self.delivered if kind is Kind.DELIVERED else self.bounced


class Totals(NamedTuple):
    """The least and the most that a count may be in the end."""

    accepted: int
    most: int


class DomainEvidence:
    """All requests and answers of one domain, in all its spellings."""

    __slots__ = ("_bounced", "_delivered", "_keyed", "kinds", "name", "observations")

    def __init__(self, name: str) -> None:
        self.name = name
        self.kinds: frozenset[Kind] = frozenset()
        """Of the events sent, including refused ones. Empty: none was sent."""
        self.observations: list[Observation] = []
        self._delivered: list[Counted] = []
        self._bounced: list[Counted] = []
        self._keyed: dict[str, tuple[Kind, Counted]] | None = None

    def add_sent(self, event: SentEvent, sent: float, t: float) -> None:
        """Add an event of a request that was sent at *sent* and answered at *t*."""
        if event.kind not in self.kinds:
            self.kinds |= {event.kind}
        if event.outcome is Outcome.REFUSED:
            return
        spelling = self.name if event.domain == self.name else intern(event.domain)
        accepted = t if event.outcome is Outcome.ACCEPTED else inf
        counted = Counted(sent, accepted, event.count, spelling)
        if event.key is None:
            self._unkeyed(event.kind).append(counted)
        else:
            self._add_keyed(event.key, event.kind, counted)

    def add_answer(self, answer: Answer, sent: float, t: float, node: str, *, final: bool) -> None:
        """Add the answer of *node* at *t* to a request sent at *sent*."""
        spelling = self.name if answer.domain == self.name else intern(answer.domain)
        self.observations.append(
            Observation(
                sent, t, node, spelling, answer.status, answer.delivered, answer.bounced, final
            )
        )

    def counted(self, kind: Kind) -> list[Counted]:
        """Return the events of *kind* that may be counted, each key once."""
        keyed = () if self._keyed is None else self._keyed.values()
        return [*self._unkeyed(kind), *(event for its_kind, event in keyed if its_kind is kind)]

    def last_finals(self) -> Iterator[Observation]:
        """Yield the last final answer of every node for every spelling."""
        last: dict[tuple[str, str], Observation] = {}
        for seen in self.observations:
            if seen.final:
                last[seen.node, seen.spelling] = seen
        yield from last.values()

    def _unkeyed(self, kind: Kind) -> list[Counted]:
        return self._delivered if kind is Kind.DELIVERED else self._bounced

    def _add_keyed(self, key: str, kind: Kind, event: Counted) -> None:
        if self._keyed is None:
            self._keyed = {}
        if (known := self._keyed.get(key)) is not None:
            its_kind, first = known
            if its_kind is not kind or first.amount != event.amount:
                raise MixedKeyError(f"{self.name}: key {key!r} names different events")
            # Any of the requests may have stored the event: sent no earlier than the first,
            # accepted by the first 202.
            event = first._replace(
                sent=min(first.sent, event.sent), accepted=min(first.accepted, event.accepted)
            )
        self._keyed[key] = (kind, event)


def totals(events: Iterable[Counted]) -> Totals:
    """Return the bounds of the count of *events*."""
    accepted = most = 0
    for event in events:
        most += event.amount
        if event.accepted < inf:
            accepted += event.amount
    return Totals(accepted, most)


def totals_by_spelling(events: Iterable[Counted]) -> dict[str, Totals]:
    """Return the total of each spelling."""
    groups: defaultdict[str, list[Counted]] = defaultdict(list)
    for event in events:
        groups[event.spelling].append(event)
    return {spelling: totals(group) for spelling, group in groups.items()}
