"""A reader of counters in memory."""

import asyncio
from collections.abc import Mapping

from shared.model.counter import Counters
from shared.model.domain import DomainName


class InMemoryCounterReader:
    """A CounterReader (see there) of *counters* that fails for the domains in *errors*.

    A test may change both. Reads wait for ``hold`` if it is set.
    """

    def __init__(
        self,
        counters: Mapping[str, Counters] | None = None,
        errors: Mapping[str, Exception] | None = None,
    ) -> None:
        self.counters = dict(counters or {})
        self.errors = dict(errors or {})
        self.reads: list[DomainName] = []
        self.room = 1_000_000
        self.idle = True
        self.hold: asyncio.Event | None = None

    async def read(self, domain: DomainName) -> Counters:
        """See CounterReader. Returns the counters at the start of the read."""
        self.reads.append(domain)
        counters, error = self.counters.get(domain, Counters()), self.errors.get(domain)
        if self.hold is not None:
            await self.hold.wait()
        if error is not None:
            raise error
        return counters
