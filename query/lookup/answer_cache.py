"""Keep what is known of domains: final answers for good, the others while they are fresh.

Both kinds are bounded, each by a number of its own, and each is kept in two segments: what is
new stands on probation, what was asked for again is protected. So names that are asked for once,
however many, push each other out and never what is in use. What is no longer fresh stays until
its place is needed: counters only grow, so a later read that is lower comes from a replica that
lags, and the larger of the two is the truth.
"""

from collections import OrderedDict
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

from query.lookup.answer import Answer, answer_of
from shared.model.counter import Counters
from shared.model.domain import DomainName

_PROTECTED_SHARE = 0.8

R = TypeVar("R")


@dataclass(slots=True, eq=False)
class CacheEntry(Generic[R]):
    """What is known of one domain, and the response made of it, if one was."""

    answer: Answer
    fresh_until: float
    response: R | None = None
    response_until: float = -inf
    """From then on the response is to be looked at again."""

    def keep_response(self, response: R, until: float) -> None:
        """Keep *response* for those who ask before *until*."""
        self.response, self.response_until = response, until

    def expire(self) -> None:
        """Note that there is news: the freshness ends."""
        self.fresh_until = self.response_until = -inf


class SegmentedLru(Generic[R]):
    """At most so many domains: the least recently used goes first, of those used once."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._max_protected = int(capacity * _PROTECTED_SHARE)
        self._probation: OrderedDict[str, CacheEntry[R]] = OrderedDict()
        self._protected: OrderedDict[str, CacheEntry[R]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._probation) + len(self._protected)

    def get(self, domain: str) -> CacheEntry[R] | None:
        """Return what is kept of *domain*, and keep it longer."""
        known = self._protected.get(domain)
        if known is not None:
            self._protected.move_to_end(domain)
            return known
        known = self._probation.pop(domain, None)
        if known is not None:
            self._protected[domain] = known
            if len(self._protected) > self._max_protected:
                last, demoted = self._protected.popitem(last=False)
                self._probation[last] = demoted
        return known

    def peek(self, domain: str) -> CacheEntry[R] | None:
        """Return what is kept of *domain*, for no longer than before."""
        return self._protected.get(domain) or self._probation.get(domain)

    def insert(self, domain: str, known: CacheEntry[R]) -> None:
        """Keep *known* of a domain that is not here yet."""
        if len(self) >= self._capacity:
            self._probation.popitem(last=False)
        self._probation[domain] = known

    def remove(self, domain: str) -> None:
        """Forget *domain*."""
        if self._protected.pop(domain, None) is None:
            self._probation.pop(domain, None)


class AnswerCache(Generic[R]):
    """The answers of one node; *R* is the kind of response that is kept with them."""

    def __init__(self, threshold: int, max_final: int, max_others: int) -> None:
        self._threshold = threshold
        self._final: SegmentedLru[R] = SegmentedLru(max_final)
        self._others: SegmentedLru[R] = SegmentedLru(max_others)

    @property
    def final_domains(self) -> int:
        """How many domains with a final answer are kept."""
        return len(self._final)

    @property
    def other_domains(self) -> int:
        """How many other domains are kept."""
        return len(self._others)

    def get(self, text: str) -> CacheEntry[R] | None:
        """Return what is known of the domain that is spelled *text*, fresh or not.

        Any text may be asked for: only the one spelling of a domain finds it.
        """
        return self._final.get(text) or self._others.get(text)

    def merge(self, domain: DomainName, read: Counters, fresh_until: float) -> CacheEntry[R]:
        """Note what was *read* of *domain*, and return what is known now: never less than before.

        A read that says nothing new is fresh all the same.
        """
        known = self._peek(domain)
        if known is None:
            known = CacheEntry(answer_of(domain, read, self._threshold), fresh_until)
            self._home_of(known.answer).insert(domain, known)
            return known
        self._raise(known, read)
        known.fresh_until = max(known.fresh_until, fresh_until)
        return known

    def invalidate(self, domain: DomainName, counted: Counters) -> None:
        """Note that the status of *domain* changed: a log counts *counted* of its events.

        A domain that nobody asks for is not taken up: one log's counters are not its counts.
        """
        known = self._peek(domain)
        if known is None:
            return
        if counted.bounced:
            self._raise(known, counted)
        known.expire()

    def _raise(self, known: CacheEntry[R], counters: Counters) -> None:
        before = known.answer
        after = answer_of(
            before.domain,
            Counters(
                max(before.delivered, counters.delivered), max(before.bounced, counters.bounced)
            ),
            self._threshold,
        )
        if after == before:
            return
        known.answer = after
        known.response, known.response_until = None, -inf
        if after.is_final and not before.is_final:
            self._others.remove(before.domain)
            self._final.insert(before.domain, known)

    def _peek(self, domain: DomainName) -> CacheEntry[R] | None:
        return self._final.peek(domain) or self._others.peek(domain)

    def _home_of(self, answer: Answer) -> SegmentedLru[R]:
        return self._final if answer.is_final else self._others
