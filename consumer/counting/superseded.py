"""Remember superseded rows until they may be deleted. Pure.

A row is superseded once another row of the same domain and partition, with a larger or equal
offset, is acknowledged. An update that reaches a row after its deletion brings the row back,
as the sum of the later updates only. Its offset is below that of the newest row, so it does no
harm, as long as its writer is not ahead. Hence the wait before a deletion: a row of our own
gets no update after we have abandoned it, and another writer is gone after one session, long
before the hours have passed.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from shared.model.domain import DomainName

MAX_ROWS = 100_000
"""Per partition and kind. More rows are not remembered: the next read of the domain finds them."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a superseded row is kept: a row of our own, and one of another writer."""

    own_seconds: float
    others_seconds: float


class SupersededRow(NamedTuple):
    """A row that may be deleted."""

    domain: DomainName
    writer: UUID


class SupersededRows:
    """The superseded rows of one partition that are known and not deleted."""

    def __init__(self, retention: Retention) -> None:
        self._retention = retention
        # Each with the time at which it is due. They are added in that order.
        self._own: deque[tuple[float, SupersededRow]] = deque()
        self._others: deque[tuple[float, SupersededRow]] = deque()

    def __len__(self) -> int:
        return len(self._own) + len(self._others)

    def add_own(self, domain: DomainName, writers: Iterable[UUID], now: float) -> None:
        """Add rows of our own that an acknowledged row of ours supersedes."""
        self._add(self._own, domain, writers, now + self._retention.own_seconds)

    def add_others(self, domain: DomainName, writers: Iterable[UUID], now: float) -> None:
        """Add rows that a quorum read returned together with a newer one."""
        self._add(self._others, domain, writers, now + self._retention.others_seconds)

    def pop_due(self, now: float, limit: int) -> list[SupersededRow]:
        """Remove and return up to *limit* rows that may be deleted."""
        due: list[SupersededRow] = []
        for waiting in (self._own, self._others):
            while waiting and waiting[0][0] <= now and len(due) < limit:
                due.append(waiting.popleft()[1])
        return due

    def retry_later(self, rows: Iterable[SupersededRow], now: float) -> None:
        """Put rows back whose deletion failed; they are due again some time later."""
        for row in rows:
            self._add(self._own, row.domain, [row.writer], now + self._retention.own_seconds)

    def _add(
        self,
        waiting: deque[tuple[float, SupersededRow]],
        domain: DomainName,
        writers: Iterable[UUID],
        due_at: float,
    ) -> None:
        for writer in writers:
            if len(waiting) < MAX_ROWS:
                waiting.append((due_at, SupersededRow(domain, writer)))
