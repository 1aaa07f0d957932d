"""Keep the domains of a bucket that owe increments in order, and the offset of the oldest. Pure.

A write has a limit, so a bucket may owe more than one write carries, for as long as events keep
coming. The offset to commit must move on nevertheless. So a write that leaves domains behind sets
a *mark*: they owe events from below the mark. Once all of them are written, every event that is
still owed was read after the mark was set.
"""

from array import array
from collections.abc import Callable


class OwedDomains:
    """Indexes of domains, those whose status changes first; the rest in the order of their events.

    ``first_offset`` is the offset of the oldest event that is owed and not in flight, or lower;
    None if nothing is owed. ``since`` is when that event was read.
    """

    __slots__ = ("_changing", "_mark", "_marked", "_order", "first_offset", "since")

    def __init__(self) -> None:
        self.first_offset: int | None = None
        self.since = 0.0
        self._order = array("I")
        self._changing: list[int] = []
        self._marked = 0
        """How many entries at the front of the order were there when the mark was set."""
        self._mark: tuple[int, float] | None = None

    @property
    def changing(self) -> bool:
        """Whether a status changes, or the totals of an abandoned row must be written again."""
        return bool(self._changing)

    def append(self, index: int) -> None:
        """Add a domain that owed nothing until now."""
        self._order.append(index)

    def append_changing(self, *indexes: int) -> None:
        """Write these domains before all others."""
        self._changing += indexes

    def owe_from(self, offset: int, since: float) -> None:
        """Owe events from *offset* on again, which were read at *since* or later."""
        if self.first_offset is None:
            self.first_offset, self.since = offset, since
        else:
            self.first_offset = min(self.first_offset, offset)
            self.since = min(self.since, since)
        # These events are older than a mark, and their domains are not among the marked ones.
        self._marked, self._mark = 0, None

    def take(
        self, limit: int, next_offset: int, now: float, owes: Callable[[int], bool]
    ) -> tuple[list[int], list[int]]:
        """Take out up to *limit* domains; return them, and those of them that come first.

        *owes* returns whether a domain owes anything. All events below *next_offset* were added.
        """
        changing = list(dict.fromkeys(self._changing))
        changing, self._changing = changing[:limit], changing[limit:]
        chosen = dict.fromkeys(changing)
        taken = 0
        for index in self._order:
            # A domain that was taken for its change of status has another entry in the order.
            if index not in chosen and owes(index):
                if len(chosen) >= limit:
                    break
                chosen[index] = None
            taken += 1
        self._order = self._order[taken:]
        self._move_mark(taken, next_offset, now)
        return list(chosen), changing

    def _move_mark(self, taken: int, next_offset: int, now: float) -> None:
        if not self._order and not self._changing:
            self.first_offset = self._mark = None
            self._marked = 0
            return
        self._marked -= taken
        if self._marked <= 0:
            if self._mark is not None:
                self.first_offset, self.since = self._mark
            self._marked, self._mark = len(self._order), (next_offset, now)
