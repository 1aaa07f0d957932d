"""A reader of counters from a table in memory."""

from collections.abc import Mapping

from shared.counter import Counters
from shared.domain import DomainName
from shared.errors import RetriableError


class InMemoryCounterReader:
    """A CounterReader (see there) that knows *counters*, and fails for the domains in *errors*."""

    def __init__(
        self,
        counters: Mapping[str, Counters] | None = None,
        errors: Mapping[str, RetriableError] | None = None,
    ) -> None:
        self._counters = counters or {}
        self._errors = errors or {}
        self.reads: list[DomainName] = []

    async def read(self, domain: DomainName) -> Counters:
        """See CounterReader."""
        self.reads.append(domain)
        if domain in self._errors:
            raise self._errors[domain]
        return self._counters.get(domain, Counters())
