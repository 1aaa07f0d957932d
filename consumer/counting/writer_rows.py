"""Keep the counters of one partition exact on a store whose increments have no identity.

A counter update is ``+n``. Sent twice it counts twice, and after a failure nobody knows whether
it was applied, or will be applied later. So nothing is ever sent twice. Only one writer ever
increments a row. After an update without an acknowledgement the writer abandons its row for
good, and starts a new row with the full totals: totals + increment. All three columns move in
one update. So each row, at any time and on any replica, is the true count of its partition up
to its ``applied_offset``. Readers take the row with the largest ``applied_offset``.

::

    unread --load_rows--> known, no row --start_update--> in flight --acknowledge--> known, with row
                             ^                              |   ^                          |
                             |<-----------fail--------------'   '-------start_update-------|
                             '<---------------------start_epoch, abandon-------------------'

Whatever happens to an update without an acknowledgement (applied, lost, applied in an hour), it
changes only a row with an older or equal offset. This needs no lock, lease or transaction.

A store node that restarts without its last writes bases its next update of a row on an old
copy. So each row belongs to an *epoch*, which ends when a node may have restarted, and is never
continued in another epoch.
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
"""The packed state of a domain. A worker has millions, and bytes cost the garbage collector
nothing. The same object means the same state: any change creates a new one."""


@dataclass(frozen=True, slots=True)
class RowUpdate:
    """The increments of one writer row, started in this ``epoch``."""

    domain: DomainName
    writer: UUID
    delivered: int
    bounced: int
    applied_offset: int
    epoch: int


class _State(NamedTuple):
    """The last acknowledged totals of a domain in this partition, and the row that holds them."""

    delivered: int
    bounced: int
    applied_offset: int
    writer: bytes = _NO_WRITER
    epoch: int = 0

    @classmethod
    def unpack(cls, state: PackedState) -> Self:
        return cls._make(_FORM.unpack(state))

    def pack(self) -> PackedState:
        return _FORM.pack(*self)


class WriterRows:
    """The rows of one partition that this process increments.

    *new_writer* returns a new unique identity; each new row gets one.
    """

    def __init__(self, new_writer: Callable[[], UUID]) -> None:
        self._new_writer = new_writer
        # The domain that has been without an update for the longest comes first.
        self._states: dict[DomainName, PackedState] = {}
        self._in_flight: dict[DomainName, Increment] = {}
        # Our abandoned rows that no later row supersedes yet. Such a domain has an increment
        # that is pending or in flight.
        self._abandoned: dict[DomainName, list[UUID]] = {}
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._states)

    def __contains__(self, domain: DomainName) -> bool:
        return domain in self._states

    def load_rows(self, domain: DomainName, rows: Sequence[CounterRow]) -> list[UUID]:
        """Load the totals of *domain* from its *rows* in this partition, read at a quorum.

        The newest row still belongs to its writer: our first flush starts a row of our own.
        Return the writers of the rows that the newest one supersedes.
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
        """Whether an update of *domain* is in flight: then no second one may start."""
        return domain in self._in_flight

    def in_flight(self, domain: DomainName) -> Increment:
        """Return the increment of *domain* that is in flight."""
        return self._in_flight[domain]

    def start_update(self, domain: DomainName, increment: Increment) -> RowUpdate:
        """Return an update that adds *increment*. It is in flight until acknowledged or failed.

        Raises ValueError if an update of *domain* is in flight already.
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
        """Add the update to the totals: a quorum has it. Return our rows that it supersedes.

        Raises ValueError for an update of another epoch: its base is not known.
        """
        if update.epoch != self.epoch:
            raise ValueError(f"an update of {update.domain} from epoch {update.epoch}")
        increment = self._in_flight.pop(update.domain)
        # Move the domain to the end: the order is by the time of the last update.
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
        """Abandon the row, because the update may still reach it. Return the increment."""
        known = _State.unpack(self._states[update.domain])
        self._abandon(update.domain, known._replace(writer=update.writer.bytes))
        return self._in_flight.pop(update.domain)

    def abandon(self, domain: DomainName) -> None:
        """Abandon the row of *domain*: its next update starts a new row."""
        self._abandon(domain, _State.unpack(self._states[domain]))

    def start_epoch(self, epoch: int) -> None:
        """Abandon every row of another epoch: the next update of each domain starts a new row."""
        self.epoch = epoch

    def _abandon(self, domain: DomainName, known: _State) -> None:
        if known.writer == _NO_WRITER:
            return
        abandoned = self._abandoned.setdefault(domain, [])
        abandoned.append(UUID(bytes=known.writer))
        # In a long outage each attempt abandons a row. A later read finds the forgotten ones.
        del abandoned[:-_MAX_ABANDONED]
        self._states[domain] = known._replace(writer=_NO_WRITER).pack()

    def oldest_in_flight(self) -> int | None:
        """Return the lowest offset in flight."""
        return min((i.first_offset for i in self._in_flight.values()), default=None)

    def evict_idle(self, max_domains: int, is_pending: Callable[[DomainName], bool]) -> None:
        """Forget idle domains, longest idle first, until at most *max_domains* are left."""
        surplus = len(self._states) - max_domains
        if surplus <= 0:
            return
        idle = (d for d in self._states if not self.is_in_flight(d) and not is_pending(d))
        for domain in list(islice(idle, surplus)):
            del self._states[domain]

    def sample(self, start: int) -> Iterator[tuple[DomainName, PackedState]]:
        """Yield the states of domains without an update in flight, from position *start* on."""
        for domain, state in islice(self._states.items(), start, None):
            if domain not in self._in_flight:
                yield domain, state

    def is_current(self, domain: DomainName, state: PackedState) -> bool:
        """Whether *state* is still the state of *domain*, and no update is in flight."""
        return self._states.get(domain) is state and domain not in self._in_flight


def is_consistent(state: PackedState, rows: Iterable[CounterRow]) -> bool:
    """Return whether *rows*, read at a quorum, contain all that is acknowledged in *state*.

    A larger offset belongs to another owner, who continues where we no longer may.
    """
    known = _State.unpack(state)
    newest = newest_row(rows)
    if newest is None:
        return known.applied_offset == NOTHING_APPLIED
    if newest.applied_offset != known.applied_offset:
        return newest.applied_offset > known.applied_offset
    return (newest.delivered, newest.bounced) == (known.delivered, known.bounced)
