"""Order the domains with pending increments by the time at which they are due. Pure."""

import heapq
from collections.abc import Iterable
from itertools import count

from consumer.counting.aggregate import Increment
from consumer.counting.flush_policy import FlushPolicy
from shared.model.counter import Counters
from shared.model.domain import DomainName


class FlushQueue:
    """The time at which each domain is due, by the flush policy."""

    def __init__(self, policy: FlushPolicy) -> None:
        self._policy = policy
        # An entry that no longer matches its domain's due time is ignored when popped.
        self._due: list[tuple[float, int, DomainName]] = []
        self._due_at: dict[DomainName, float] = {}
        self._order = count()
        # Domains flushed within the last max_age_seconds, oldest first.
        self._flushed_at: dict[DomainName, float] = {}
        self._all_due = False

    def schedule(self, domain: DomainName, counted: Counters, increment: Increment) -> None:
        """Schedule *domain*, whose *increment* is pending on top of *counted* in the store."""
        self._push(domain, self._policy.due_at(counted, increment, self._flushed_at.get(domain)))

    def is_due(self, domain: DomainName, at: float) -> bool:
        """Whether *domain* is queued and due at the time *at* or earlier."""
        due_at = self._due_at.get(domain)
        return due_at is not None and due_at <= at

    def next_due_at(self) -> float | None:
        """Return when the next domain is due, or None if no domain is queued."""
        while self._due and self._due_at.get(self._due[0][2]) != self._due[0][0]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def pop(self, now: float) -> DomainName | None:
        """Remove and return the domain that has been due for the longest, None if none is due."""
        due_at = self.next_due_at()
        if due_at is None or due_at > now:
            return None
        _, _, domain = heapq.heappop(self._due)
        del self._due_at[domain]
        return domain

    def record_flush(self, domain: DomainName, now: float) -> None:
        """Record that *domain* was written: it waits ``max_age_seconds`` for its next turn."""
        self._flushed_at.pop(domain, None)
        if not self._all_due:
            self._flushed_at[domain] = now

    def record_failure(self, domain: DomainName) -> None:
        """Record that *domain* has to be written again: it does not wait for its next turn."""
        self._flushed_at.pop(domain, None)

    def expire_flushes(self, now: float) -> None:
        """Forget the flushes that are older than ``max_age_seconds``."""
        horizon = now - self._policy.max_age_seconds
        while self._flushed_at:
            domain = next(iter(self._flushed_at))
            if self._flushed_at[domain] > horizon:
                break
            del self._flushed_at[domain]

    def make_all_due(self, domains: Iterable[DomainName], now: float) -> None:
        """Make *domains* due now, and every later one at once.

        *domains* are all that have a pending increment and no update in flight.
        """
        self._all_due = True
        self._due, self._due_at, self._flushed_at = [], {}, {}
        for domain in domains:
            self._push(domain, now)

    def _push(self, domain: DomainName, due_at: float) -> None:
        if self._due_at.get(domain) != due_at:
            self._due_at[domain] = due_at
            heapq.heappush(self._due, (due_at, next(self._order), domain))
