"""Keep the domains that are owed something in the order in which they are due. Pure."""

import heapq
from collections.abc import Iterable
from itertools import count

from consumer.counting.aggregate import Increment
from consumer.counting.flush_policy import FlushPolicy
from shared.model.counter import Counters
from shared.model.domain import DomainName


class FlushQueue:
    """When each domain is to be written, as the policy says."""

    def __init__(self, policy: FlushPolicy) -> None:
        self._policy = policy
        # Entries that no longer match their domain's due time are passed over when popped.
        self._due: list[tuple[float, int, DomainName]] = []
        self._due_at: dict[DomainName, float] = {}
        self._order = count()
        # Domains flushed within the last max_age_seconds, oldest first.
        self._flushed_at: dict[DomainName, float] = {}
        self._all_due = False

    def schedule(self, domain: DomainName, counted: Counters, increment: Increment) -> None:
        """Say that *domain*, with *counted* in the store, is owed *increment*."""
        self._push(domain, self._policy.due_at(counted, increment, self._flushed_at.get(domain)))

    def is_due(self, domain: DomainName, at: float) -> bool:
        """Whether *domain* waits to be written at the time *at* or before."""
        due_at = self._due_at.get(domain)
        return due_at is not None and due_at <= at

    def next_due_at(self) -> float | None:
        """Return when the next domain is due, or None if none waits for its time."""
        while self._due and self._due_at.get(self._due[0][2]) != self._due[0][0]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def pop(self, now: float) -> DomainName | None:
        """Take out the domain that has been due for the longest, None if none is."""
        due_at = self.next_due_at()
        if due_at is None or due_at > now:
            return None
        _, _, domain = heapq.heappop(self._due)
        del self._due_at[domain]
        return domain

    def record_flush(self, domain: DomainName, now: float) -> None:
        """Note that *domain* was written: it is quiet again ``max_age_seconds`` later."""
        self._flushed_at.pop(domain, None)
        if not self._all_due:
            self._flushed_at[domain] = now

    def record_failure(self, domain: DomainName) -> None:
        """Note that *domain* is overdue: nothing is gained by waiting for its next turn."""
        self._flushed_at.pop(domain, None)

    def expire_flushes(self, now: float) -> None:
        """Forget when domains were written that are quiet by now."""
        horizon = now - self._policy.max_age_seconds
        while self._flushed_at:
            domain = next(iter(self._flushed_at))
            if self._flushed_at[domain] > horizon:
                break
            del self._flushed_at[domain]

    def make_all_due(self, domains: Iterable[DomainName], now: float) -> None:
        """Make *domains*, all that are owed something, due at once, and later ones too."""
        self._all_due = True
        self._due, self._due_at, self._flushed_at = [], {}, {}
        for domain in domains:
            self._push(domain, now)

    def _push(self, domain: DomainName, due_at: float) -> None:
        if self._due_at.get(domain) != due_at:
            self._due_at[domain] = due_at
            heapq.heappush(self._due, (due_at, next(self._order), domain))
