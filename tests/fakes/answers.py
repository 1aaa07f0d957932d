"""A source of answers in memory, for the filter of changes."""

import asyncio

from query.lookup.answer import Answer, answer_of
from shared.errors import StoreUnavailableError
from shared.model.change import Change
from shared.model.counter import Counters
from shared.model.domain import DomainName

THRESHOLD = 1000


class InMemoryAnswerSource:
    """Answers from *counters*; a bounce of a change is final at once. The store can be away."""

    def __init__(self) -> None:
        self.counters: dict[DomainName, Counters] = {}
        self.away = False
        self.forgetful = False
        self.reads: list[DomainName] = []
        self._bounced: dict[DomainName, Answer] = {}

    async def get(self, domain: DomainName) -> Answer:
        """See AnswerSource."""
        return self._bounced.get(domain) or await self.get_fresh(domain)

    async def get_fresh(self, domain: DomainName) -> Answer:
        """See AnswerSource."""
        self.reads.append(domain)
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailableError("away on purpose")
        known = self._bounced.get(domain)
        return known or answer_of(domain, self.counters.get(domain, Counters()), THRESHOLD)

    def invalidate(self, change: Change) -> None:
        """See AnswerSource."""
        if change.counted.bounced and not self.forgetful:
            self._bounced[change.domain] = answer_of(change.domain, change.counted, THRESHOLD)
