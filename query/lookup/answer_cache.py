"""The storage of the cache: final answers, which never expire, and others, which do. Pure.

Each kind has a separate capacity. An expired answer stays until its place is needed: counters only
grow, so a later read with a lower count comes from a replica that lags behind, and the larger
count is right.
"""

from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

from query.lookup.answer import Answer, answer_of
from query.lookup.segmented_lru import SegmentedLru
from shared.model.counter import Counters
from shared.model.domain import DomainName

R = TypeVar("R")


@dataclass(slots=True, eq=False)
class CacheEntry(Generic[R]):
    """The answer for one domain, and the response built from it, if any."""

    answer: Answer
    fresh_until: float
    response: R | None = None
    max_age: int = 0
    """Of the response, in seconds: how long others may keep it."""

    def response_at(self, now: float) -> R | None:
        """Return the response if it says what is true at *now*.

        That of a final answer always does. Another one is as fresh as its ``max-age`` says.
        """
        if not self.answer.is_final and self.max_age_at(now) != self.max_age:
            return None
        return self.response

    def max_age_at(self, now: float) -> int | None:
        """Return how long an answer that is not final stays fresh, rounded down; None if it is not.

        So two caches in a row serve nothing older than one.
        """
        left = self.fresh_until - now
        return int(left) if left > 0 else None

    def store_response(self, response: R, max_age: int) -> None:
        """Store the response to later requests."""
        self.response, self.max_age = response, max_age

    def expire(self) -> None:
        """Mark the answer as no longer fresh."""
        self.fresh_until = -inf


class AnswerCache(Generic[R]):
    """The answers of one node; *R* is the type of the responses stored with them."""

    def __init__(self, threshold: int, max_final: int, max_others: int) -> None:
        self._threshold = threshold
        self._final: SegmentedLru[CacheEntry[R]] = SegmentedLru(max_final)
        self._others: SegmentedLru[CacheEntry[R]] = SegmentedLru(max_others)

    @property
    def final_domains(self) -> int:
        """The number of domains with a final answer."""
        return len(self._final)

    @property
    def other_domains(self) -> int:
        """The number of domains with another answer."""
        return len(self._others)

    def get(self, text: str) -> CacheEntry[R] | None:
        """Return the entry of the domain spelled *text*, fresh or expired.

        *text* may be any text: only the canonical spelling of a domain has an entry.
        """
        return self._final.get(text) or self._others.get(text)

    def merge(self, domain: DomainName, read: Counters, fresh_until: float) -> CacheEntry[R]:
        """Raise the counts of *domain* to those *read*, and return its entry.

        The entry is fresh even if the read brought no larger count.
        """
        entry = self._peek(domain)
        if entry is None:
            entry = CacheEntry(answer_of(domain, read, self._threshold), fresh_until)
            self._segment_of(entry.answer).insert(domain, entry)
            return entry
        self._raise(entry, read)
        entry.fresh_until = max(entry.fresh_until, fresh_until)
        return entry

    def invalidate(self, domain: DomainName, counted: Counters) -> None:
        """Expire the entry of *domain*, whose status changed; one partition has *counted*.

        A bounce makes the answer final at once. A domain without an entry gets none: the counters
        of one partition are not those of the domain.
        """
        entry = self._peek(domain)
        if entry is None:
            return
        if counted.bounced:
            self._raise(entry, counted)
        entry.expire()

    def _raise(self, entry: CacheEntry[R], counters: Counters) -> None:
        before = entry.answer
        after = answer_of(
            before.domain,
            Counters(
                max(before.delivered, counters.delivered), max(before.bounced, counters.bounced)
            ),
            self._threshold,
        )
        if after == before:
            return
        entry.answer, entry.response = after, None
        if after.is_final and not before.is_final:
            self._others.remove(before.domain)
            self._final.insert(before.domain, entry)

    def _peek(self, domain: DomainName) -> CacheEntry[R] | None:
        return self._final.peek(domain) or self._others.peek(domain)

    def _segment_of(self, answer: Answer) -> SegmentedLru[CacheEntry[R]]:
        return self._final if answer.is_final else self._others
