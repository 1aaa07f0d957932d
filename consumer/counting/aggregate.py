"""Sum the events of one partition between two flushes. No I/O and no clock."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.model.domain import DomainName
from shared.model.event import Event, EventKind


@dataclass(slots=True)
class Increment:
    """What the next flush adds to the counters of one domain.

    ``first_offset`` is the offset of its oldest event: nothing above it may be committed before
    the store has the increment. ``next_offset`` is the offset after its newest event. ``since``
    is the time at which the oldest event was read, in the caller's seconds.
    """

    delivered: int
    bounced: int
    first_offset: int
    next_offset: int
    since: float

    def add(self, event: Event, offset: int) -> None:
        """Add *event*, read at *offset*."""
        if event.kind is EventKind.DELIVERED:
            self.delivered += event.count
        else:
            self.bounced += event.count
        self.next_offset = offset + 1

    def merge(self, later: "Increment") -> None:
        """Add the increment *later*, whose events all come after this one's."""
        self.delivered += later.delivered
        self.bounced += later.bounced
        self.next_offset = later.next_offset


class Aggregate:
    """The increments that are not in the store yet, by domain."""

    def __init__(self) -> None:
        self._increments: dict[DomainName, Increment] = {}

    def __len__(self) -> int:
        return len(self._increments)

    def __contains__(self, domain: DomainName) -> bool:
        return domain in self._increments

    def __iter__(self) -> Iterator[DomainName]:
        return iter(self._increments)

    def get(self, domain: DomainName) -> Increment | None:
        """Return the increment of *domain*, if it has one."""
        return self._increments.get(domain)

    def add(self, event: Event, offset: int, now: float) -> None:
        """Add *event*, read at *offset*."""
        increment = self._increments.get(event.domain)
        if increment is None:
            increment = Increment(0, 0, offset, offset, now)
            self._increments[event.domain] = increment
        increment.add(event, offset)

    def pop(self, domain: DomainName) -> Increment:
        """Remove and return the increment of *domain*."""
        return self._increments.pop(domain)

    def restore(self, domain: DomainName, earlier: Increment) -> None:
        """Put *earlier* back, in front of the events that were added since."""
        later = self._increments.get(domain)
        if later is not None:
            earlier.merge(later)
        self._increments[domain] = earlier

    def oldest_offset(self) -> int | None:
        """Return the lowest offset of all increments. Visits every domain."""
        return min((i.first_offset for i in self._increments.values()), default=None)

    def oldest_since(self) -> float | None:
        """Return the time of the oldest event. Visits every domain."""
        return min((i.since for i in self._increments.values()), default=None)
