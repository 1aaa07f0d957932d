"""Answers from a table in memory, as the judge of changes asks for them."""

import asyncio

from query.answer import Answer, answer_of
from shared.errors import StoreUnavailableError
from shared.model.change import Change
from shared.model.counter import Counters
from shared.model.domain import DomainName

THRESHOLD = 1000


class InMemoryAnswers:
    """The truth is in *counters*; what was heard is believed at once. The store can be away."""

    def __init__(self) -> None:
        self.counters: dict[DomainName, Counters] = {}
        self.away = False
        self.forgetful = False
        self.reads: list[DomainName] = []
        self._bounced: dict[DomainName, Answer] = {}

    async def get(self, domain: DomainName) -> Answer:
        """See Answers."""
        return self._bounced.get(domain) or await self.fresh(domain)

    async def fresh(self, domain: DomainName) -> Answer:
        """See Answers."""
        self.reads.append(domain)
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailableError("away on purpose")
        known = self._bounced.get(domain)
        return known or answer_of(domain, self.counters.get(domain, Counters()), THRESHOLD)

    def heard(self, change: Change) -> None:
        """See Answers."""
        if change.counted.bounced and not self.forgetful:
            self._bounced[change.domain] = answer_of(change.domain, change.counted, THRESHOLD)
