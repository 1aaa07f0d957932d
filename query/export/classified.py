"""Scan all domains with their status."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from query.export.metrics import ExportMetrics
from query.export.scan import DomainScanner
from query.export.tally import Tally, Totals
from query.lookup.answer import Answer, answer_of
from shared.model.domain import DomainName

ANSWERS_PER_TURN = 500
"""Other tasks run after so many domains, which take some 2 ms."""
_AHEAD_FOR_TOTALS = 1
"""A scan in the background leaves Cassandra to the requests of clients."""


class ClassifiedDomains:
    """All domains of the keyspace, as answers."""

    def __init__(self, scanner: DomainScanner, threshold: int, metrics: ExportMetrics) -> None:
        self._scanner = scanner
        self._threshold = threshold
        self._metrics = metrics

    async def scan(
        self, after: DomainName | None, ahead: int
    ) -> AsyncGenerator[list[Answer], None]:
        """Yield the answers for all domains after *after*, some hundred at a time, never none.

        See DomainScanner.scan: the order, *ahead*, how to close it, and what it raises.
        """
        threshold = self._threshold
        async with aclosing(self._scanner.scan(after, ahead)) as parts:
            async for domains in parts:
                self._metrics.domains.inc(len(domains))
                for start in range(0, len(domains), ANSWERS_PER_TURN):
                    some = domains[start : start + ANSWERS_PER_TURN]
                    yield [answer_of(domain, counters, threshold) for domain, counters in some]
                    await asyncio.sleep(0)

    async def count(self) -> Totals:
        """Scan all domains and return their totals. Raises StoreUnavailableError."""
        tally = Tally()
        async with aclosing(self.scan(None, _AHEAD_FOR_TOTALS)) as scan:
            async for answers in scan:
                tally.add(answers)
        return tally.totals
