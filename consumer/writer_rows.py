"""Keep the counters of one log exact on a store whose increments have no identity.

A counter update is ``+n``: sent twice it counts twice, and after a failure nobody knows
whether it was applied, now or later. So nothing is ever sent twice. Each domain has rows that
only one writer ever increments, and a writer whose update was not acknowledged leaves its row
for good and starts a fresh one, which begins by saying everything: totals + increment. All
three columns move in one update, so each row, at any time and on any replica, is the true
count of its log up to the ``applied_offset`` beside it. Readers take the row with the largest.

::

    unread --learn--> known, no row --begin--> in flight --acknowledge--> known, with row
                           ^                    |    ^                        |
                           |<------fail---------'    '---------begin----------|
                           '<---------------------roll------------------------'

Whatever happens to an update that was not acknowledged (applied, lost, applied in an hour),
it moves only a row that speaks for an older or equal offset. No lock, lease or transaction.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from consumer.aggregate import Increment
from shared.counter import NOTHING_APPLIED, CounterRow, Counters, newest_row
from shared.domain import DomainName


@dataclass(frozen=True, slots=True)
class RowUpdate:
    """Increments of one writer row. ``epoch`` tells whether the row was rolled meanwhile."""

    domain: DomainName
    writer: UUID
    delivered: int
    bounced: int
    applied_offset: int
    epoch: int


@dataclass(slots=True)
class _Known:
    """The last acknowledged totals of a domain in this log, and the row that says them."""

    delivered: int
    bounced: int
    applied_offset: int
    writer: UUID | None = None

    @property
    def counters(self) -> Counters:
        return Counters(self.delivered, self.bounced)


class WriterRows:
    """The rows of one log that one process increments.

    *new_writer* gives an identity that nobody ever had: one for each start of a row.
    """

    def __init__(self, new_writer: Callable[[], UUID]) -> None:
        self._new_writer = new_writer
        self._known: dict[DomainName, _Known] = {}
        self._in_flight: dict[DomainName, Increment] = {}
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, domain: DomainName) -> bool:
        return domain in self._known

    def learn(self, domain: DomainName, rows: Iterable[CounterRow]) -> None:
        """Take the totals from the *rows* of *domain* in this log, read at a quorum.

        The row stays its writer's: our first flush starts one of our own.
        """
        newest = newest_row(rows)
        if newest is None:
            self._known[domain] = _Known(0, 0, NOTHING_APPLIED)
        else:
            self._known[domain] = _Known(newest.delivered, newest.bounced, newest.applied_offset)

    def counted(self, domain: DomainName) -> Counters:
        """Return the acknowledged totals of a known *domain*."""
        return self._known[domain].counters

    def applied_offset(self, domain: DomainName) -> int:
        """Return the offset below which every event of *domain* is counted or in flight."""
        in_flight = self._in_flight.get(domain)
        return self._known[domain].applied_offset if in_flight is None else in_flight.next_offset

    def is_in_flight(self, domain: DomainName) -> bool:
        """Whether an update of *domain* has not been answered: no second one may start."""
        return domain in self._in_flight

    def begin(self, domain: DomainName, increment: Increment) -> RowUpdate:
        """Start the update that adds *increment*; it is in flight until it is settled.

        Raises ValueError if one of *domain* is in flight already.
        """
        if domain in self._in_flight:
            raise ValueError(f"two updates of {domain} at once")
        known = self._known[domain]
        self._in_flight[domain] = increment
        if known.writer is None:
            known.writer = self._new_writer()
            return RowUpdate(
                domain,
                known.writer,
                known.delivered + increment.delivered,
                known.bounced + increment.bounced,
                increment.next_offset,
                self._epoch,
            )
        return RowUpdate(
            domain,
            known.writer,
            increment.delivered,
            increment.bounced,
            increment.next_offset - known.applied_offset,
            self._epoch,
        )

    def acknowledge(self, update: RowUpdate) -> None:
        """Move the totals on: a quorum has the update."""
        increment = self._in_flight.pop(update.domain)
        known = self._known.pop(update.domain)
        known.delivered += increment.delivered
        known.bounced += increment.bounced
        known.applied_offset = increment.next_offset
        if update.epoch != self._epoch:
            known.writer = None
        # Put back last: the first in line has gone without an update for the longest.
        self._known[update.domain] = known

    def fail(self, update: RowUpdate) -> Increment:
        """Leave the row for good, as the update may surface in it, and return what is owed."""
        self._known[update.domain].writer = None
        return self._in_flight.pop(update.domain)

    def roll(self) -> None:
        """Leave every row: the next update of each domain starts a fresh one."""
        self._epoch += 1
        for known in self._known.values():
            known.writer = None

    def oldest_in_flight(self) -> int | None:
        """Return the lowest offset that is in flight."""
        return min((i.first_offset for i in self._in_flight.values()), default=None)

    def forget_idle(self, keep: int, is_owed: Callable[[DomainName], bool]) -> None:
        """Forget domains without updates, longest idle first, until *keep* are left."""
        surplus = len(self._known) - keep
        if surplus <= 0:
            return
        idle = []
        for domain in self._known:
            if not self.is_in_flight(domain) and not is_owed(domain):
                idle.append(domain)
                if len(idle) == surplus:
                    break
        for domain in idle:
            del self._known[domain]
