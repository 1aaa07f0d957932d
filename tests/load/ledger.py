"""Keep what each domain's counts must come to. Pure."""

from array import array
from typing import NamedTuple

from tests.load.event import Event, Kind, Outcome


class Bounds(NamedTuple):
    """The least and the most that a count may be; equal where every request was answered."""

    least: int
    most: int

    def __str__(self) -> str:
        return str(self.least) if self.least == self.most else f"{self.least}..{self.most}"


class Expected(NamedTuple):
    """What one domain's counts must come to."""

    delivered: Bounds
    bounced: Bounds


class Ledger:
    """The events of a run by domain, kind and outcome, in 16 bytes a domain.

    A domain of which every event was refused stays in it: its counts must be 0.
    """

    def __init__(self) -> None:
        self._accepted = {kind: array("I") for kind in Kind}
        self._unanswered = {kind: array("I") for kind in Kind}

    def __len__(self) -> int:
        """Return how many domains there are; their numbers are 0 to one less."""
        return len(self._accepted[Kind.DELIVERED])

    def record(self, event: Event, outcome: Outcome) -> None:
        """Enter what became of *event*."""
        if event.number >= len(self):
            self._grow(event.number + 1)
        match outcome:
            case Outcome.ACCEPTED:
                self._accepted[event.kind][event.number] += 1
            case Outcome.UNANSWERED:
                self._unanswered[event.kind][event.number] += 1
            case Outcome.REFUSED:
                pass

    def expected(self, number: int) -> Expected:
        """Return what the counts of domain *number* must come to."""
        return Expected(self._bounds(Kind.DELIVERED, number), self._bounds(Kind.BOUNCED, number))

    def _bounds(self, kind: Kind, number: int) -> Bounds:
        accepted = self._accepted[kind][number]
        return Bounds(accepted, accepted + self._unanswered[kind][number])

    def _grow(self, domains: int) -> None:
        for counts in (*self._accepted.values(), *self._unanswered.values()):
            counts.extend([0] * (domains - len(counts)))
