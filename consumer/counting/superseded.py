"""Remember rows that another row speaks for, until they may be deleted. Pure.

A row is superseded once a row of the same domain and log with a larger or equal offset is
acknowledged. An update that is still on its way to a deleted row would bring it back as the
sum of what came after the deletion: its offset is lower than the newest row's, so it loses,
but only while its writer is not ahead. Hence the waiting: our own row gets no update after we
have left it, and another writer is gone within a session, long before hours are over.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from shared.model.domain import DomainName

MAX_ROWS = 100_000
"""Of a log, of each kind. Those beyond are found again when their domain is read again."""


@dataclass(frozen=True, slots=True)
class Retention:
    """For how long a superseded row is left alone: one of our own, and one of another writer."""

    own_seconds: float
    others_seconds: float


class SupersededRow(NamedTuple):
    """A row that may be deleted."""

    domain: DomainName
    writer: UUID


class SupersededRows:
    """The superseded rows of one log that are known and not deleted yet."""

    def __init__(self, retention: Retention) -> None:
        self._retention = retention
        # Each by the time when it becomes due, which is the order in which they come.
        self._own: deque[tuple[float, SupersededRow]] = deque()
        self._others: deque[tuple[float, SupersededRow]] = deque()

    def __len__(self) -> int:
        return len(self._own) + len(self._others)

    def add_own(self, domain: DomainName, writers: Iterable[UUID], now: float) -> None:
        """Note rows of our own that an acknowledged row of ours speaks for."""
        self._add(self._own, domain, writers, now + self._retention.own_seconds)

    def add_others(self, domain: DomainName, writers: Iterable[UUID], now: float) -> None:
        """Note rows that a quorum read showed beside a newer one."""
        self._add(self._others, domain, writers, now + self._retention.others_seconds)

    def pop_due(self, now: float, limit: int) -> list[SupersededRow]:
        """Take out up to *limit* rows that may be deleted."""
        taken: list[SupersededRow] = []
        for waiting in (self._own, self._others):
            while waiting and waiting[0][0] <= now and len(taken) < limit:
                taken.append(waiting.popleft()[1])
        return taken

    def retry_later(self, rows: Iterable[SupersededRow], now: float) -> None:
        """Put back rows whose deletion failed, to be tried again some time later."""
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
