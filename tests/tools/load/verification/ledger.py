"""Store the expected counts of each domain. Pure."""

from array import array
from collections.abc import Iterator
from itertools import chain, compress, count, repeat
from operator import or_
from typing import NamedTuple

from tests.tools.load.streams.event import Outcome
from tests.tools.load.streams.stream import CODE
from tests.tools.load.verification.cells import Cells, Piece


class Bounds(NamedTuple):
    """The least and the most that a count may be; equal if every request was answered."""

    least: int
    most: int

    def __str__(self) -> str:
        return str(self.least) if self.least == self.most else f"{self.least}..{self.most}"


class Expected(NamedTuple):
    """The expected counts of one domain."""

    delivered: Bounds
    bounced: Bounds


class Ledger:
    """The events of a run by domain, kind and outcome.

    Four bytes per domain while every event is accepted; five more once events are refused or
    unanswered. A domain whose events were all refused stays in it: its counts must be 0.
    """

    def __init__(self, domains: int = 0) -> None:
        self._accepted, self._unanswered = Cells("H", 2 * domains), Cells("H")
        self._cells = {
            Outcome.ACCEPTED: self._accepted,
            Outcome.UNANSWERED: self._unanswered,
            Outcome.REFUSED: Cells("B"),
        }
        self.accept = self._accepted.count
        """Record accepted events by their codes."""

    @property
    def nbytes(self) -> int:
        """The memory of all counts in bytes."""
        return sum(cells.nbytes for cells in self._cells.values())

    def record(self, codes: "array[int]", outcome: Outcome) -> None:
        """Record the outcome of the events with *codes*."""
        refused = outcome is Outcome.REFUSED
        self._cells[outcome].count((code // 2 for code in codes) if refused else codes)

    def expected(self, number: int) -> Expected:
        """Return the expected counts of domain *number*."""
        bounds = self.least_and_most(number)
        return Expected(Bounds(*bounds[:2]), Bounds(*bounds[2:]))

    def least_and_most(self, number: int) -> tuple[int, int, int, int]:
        """Return the bounds of domain *number*: of its deliveries, then of its bounces.

        The same as ``expected``, faster.
        """
        delivered, bounced = 2 * number, 2 * number + 1
        accepted, unanswered = self._accepted.read, self._unanswered.read
        least_delivered, least_bounced = accepted(delivered), accepted(bounced)
        return (
            least_delivered,
            least_delivered + unanswered(delivered),
            least_bounced,
            least_bounced + unanswered(bounced),
        )

    def numbers(self) -> "array[int]":
        """Return the numbers of all domains with a sent event."""
        places = max(
            len(self._cells[Outcome.REFUSED]),
            *(len(self._cells[o]) // 2 for o in (Outcome.ACCEPTED, Outcome.UNANSWERED)),
        )
        sent: Iterator[int] = repeat(0, places)
        for outcome in (Outcome.ACCEPTED, Outcome.UNANSWERED):
            filled = self._cells[outcome].filled()
            for counts in (filled[::2], filled[1::2]):
                sent = map(or_, sent, chain(counts, repeat(0)))
        sent = map(or_, sent, chain(self._cells[Outcome.REFUSED].filled(), repeat(0)))
        return array(CODE, compress(count(), sent))

    def pieces(self) -> Iterator[tuple[Outcome, Piece]]:
        """Yield all counts in pieces that another process can add to its own ledger."""
        for outcome, cells in self._cells.items():
            for piece in cells.pieces():
                yield outcome, piece

    def add(self, outcome: Outcome, piece: Piece) -> None:
        """Add the counts of another process."""
        self._cells[outcome].add(piece)
