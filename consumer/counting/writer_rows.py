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
                           '<-----------------------roll, leave---------------'

Whatever happens to an update that was not acknowledged (applied, lost, applied in an hour),
it moves only a row that speaks for an older or equal offset. No lock, lease or transaction.

A node of the store that comes back without its last writes bases its next update of a row on
an old copy. So rows belong to an *epoch*, which ends when a node may have restarted, and are
never continued in another.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from struct import Struct
from typing import NamedTuple, Self
from uuid import UUID

from consumer.counting.aggregate import Increment
from shared.model.counter import NOTHING_APPLIED, CounterRow, Counters, newest_row
from shared.model.domain import DomainName

_NO_WRITER = bytes(16)
_MAX_ABANDONED = 16
_FORM = Struct("<qqq16sI")

PackedState = bytes
"""What is known of a domain, packed: a worker has millions, and bytes cost the garbage
collector nothing. Two that are the same object are the same knowledge."""


@dataclass(frozen=True, slots=True)
class RowUpdate:
    """Increments of one writer row, begun in this ``epoch``."""

    domain: DomainName
    writer: UUID
    delivered: int
    bounced: int
    applied_offset: int
    epoch: int


class _State(NamedTuple):
    """The last acknowledged totals of a domain in this log, and the row that says them."""

    delivered: int
    bounced: int
    applied_offset: int
    writer: bytes = _NO_WRITER
    epoch: int = 0

    @classmethod
    def unpack(cls, memory: PackedState) -> Self:
        return cls._make(_FORM.unpack(memory))

    def pack(self) -> PackedState:
        return _FORM.pack(*self)


class WriterRows:
    """The rows of one log that one process increments.

    *new_writer* gives an identity that nobody ever had: one for each start of a row.
    """

    def __init__(self, new_writer: Callable[[], UUID]) -> None:
        self._new_writer = new_writer
        # Longest without an update first.
        self._states: dict[DomainName, PackedState] = {}
        self._in_flight: dict[DomainName, Increment] = {}
        # Our own rows that no later one speaks for yet. Such a domain is owed or in flight.
        self._abandoned: dict[DomainName, list[UUID]] = {}
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._states)

    def __contains__(self, domain: DomainName) -> bool:
        return domain in self._states

    def load_rows(self, domain: DomainName, rows: Sequence[CounterRow]) -> list[UUID]:
        """Take the totals from the *rows* of *domain* in this log, read at a quorum.

        The row stays its writer's: our first flush starts one of our own. Return the writers of
        those that it supersedes.
        """
        newest = newest_row(rows)
        if newest is None:
            known = _State(0, 0, NOTHING_APPLIED)
        else:
            known = _State(newest.delivered, newest.bounced, newest.applied_offset)
        self._states[domain] = known.pack()
        return [row.writer for row in rows if row is not newest]

    def totals(self, domain: DomainName) -> Counters:
        """Return the acknowledged totals of a known *domain*."""
        known = _State.unpack(self._states[domain])
        return Counters(known.delivered, known.bounced)

    def applied_offset(self, domain: DomainName) -> int:
        """Return the offset below which every event of *domain* is counted or in flight."""
        in_flight = self._in_flight.get(domain)
        if in_flight is not None:
            return in_flight.next_offset
        return _State.unpack(self._states[domain]).applied_offset

    def is_in_flight(self, domain: DomainName) -> bool:
        """Whether an update of *domain* has not been answered: no second one may start."""
        return domain in self._in_flight

    def in_flight(self, domain: DomainName) -> Increment:
        """Return what the update of *domain* that is in flight adds."""
        return self._in_flight[domain]

    def start_update(self, domain: DomainName, increment: Increment) -> RowUpdate:
        """Start the update that adds *increment*; it is in flight until it is settled.

        Raises ValueError if one of *domain* is in flight already.
        """
        if domain in self._in_flight:
            raise ValueError(f"two updates of {domain} at once")
        known = _State.unpack(self._states[domain])
        self._in_flight[domain] = increment
        if known.writer != _NO_WRITER and known.epoch == self.epoch:
            return RowUpdate(
                domain,
                UUID(bytes=known.writer),
                increment.delivered,
                increment.bounced,
                increment.next_offset - known.applied_offset,
                self.epoch,
            )
        self._abandon(domain, known)
        return RowUpdate(
            domain,
            self._new_writer(),
            known.delivered + increment.delivered,
            known.bounced + increment.bounced,
            increment.next_offset,
            self.epoch,
        )

    def acknowledge(self, update: RowUpdate) -> list[UUID]:
        """Move the totals on: a quorum has the update. Return our rows that it supersedes.

        Raises ValueError for an update of another epoch: what it is based on is not known.
        """
        if update.epoch != self.epoch:
            raise ValueError(f"an update of {update.domain} from epoch {update.epoch}")
        increment = self._in_flight.pop(update.domain)
        # Put back last: the first in line has gone without an update for the longest.
        known = _State.unpack(self._states.pop(update.domain))
        self._states[update.domain] = _State(
            known.delivered + increment.delivered,
            known.bounced + increment.bounced,
            increment.next_offset,
            update.writer.bytes,
            update.epoch,
        ).pack()
        return self._abandoned.pop(update.domain, [])

    def fail(self, update: RowUpdate) -> Increment:
        """Leave the row for good, as the update may surface in it, and return what is owed."""
        known = _State.unpack(self._states[update.domain])
        self._abandon(update.domain, known._replace(writer=update.writer.bytes))
        return self._in_flight.pop(update.domain)

    def abandon(self, domain: DomainName) -> None:
        """Leave the row of *domain*: its next update starts a fresh one."""
        self._abandon(domain, _State.unpack(self._states[domain]))

    def start_epoch(self, epoch: int) -> None:
        """Leave every row of another epoch: the next update of each starts a fresh one."""
        self.epoch = epoch

    def _abandon(self, domain: DomainName, known: _State) -> None:
        if known.writer == _NO_WRITER:
            return
        abandoned = self._abandoned.setdefault(domain, [])
        abandoned.append(UUID(bytes=known.writer))
        # During a long outage every try leaves one. Those forgotten are found by later reads.
        del abandoned[:-_MAX_ABANDONED]
        self._states[domain] = known._replace(writer=_NO_WRITER).pack()

    def oldest_in_flight(self) -> int | None:
        """Return the lowest offset that is in flight."""
        return min((i.first_offset for i in self._in_flight.values()), default=None)

    def evict_idle(self, keep: int, is_pending: Callable[[DomainName], bool]) -> None:
        """Forget domains without updates, longest idle first, until *keep* are left."""
        surplus = len(self._states) - keep
        if surplus <= 0:
            return
        idle = (d for d in self._states if not self.is_in_flight(d) and not is_pending(d))
        for domain in list(islice(idle, surplus)):
            del self._states[domain]

    def sample(self, start: int) -> Iterator[tuple[DomainName, PackedState]]:
        """Yield what is known of domains without an update in flight, from place *start* on."""
        for domain, memory in islice(self._states.items(), start, None):
            if domain not in self._in_flight:
                yield domain, memory

    def is_current(self, domain: DomainName, memory: PackedState) -> bool:
        """Whether nothing has moved *domain* since *memory* was all that is known of it."""
        return self._states.get(domain) is memory and domain not in self._in_flight


def is_consistent(memory: PackedState, rows: Iterable[CounterRow]) -> bool:
    """Whether *rows*, read at a quorum, say at least what *memory* says was acknowledged.

    A larger offset is another owner's, who goes on where we no longer may.
    """
    known = _State.unpack(memory)
    newest = newest_row(rows)
    if newest is None:
        return known.applied_offset == NOTHING_APPLIED
    if newest.applied_offset != known.applied_offset:
        return newest.applied_offset > known.applied_offset
    return (newest.delivered, newest.bounced) == (known.delivered, known.bounced)
