"""Answer for domains from what is known, and read what is not known well enough.

A read of a domain is shared by all who want it meanwhile, and goes on when one of them is gone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from query.config import QuerySettings
from query.lookup.answer import Answer
from query.lookup.answer_cache import AnswerCache, CacheEntry
from query.lookup.answer_response import AnswerResponse
from query.lookup.counter_reader import CassandraCounterReader, CounterReader, ReadBounds
from query.lookup.refresher import GATHER_SECONDS, Refresher
from query.metrics import QueryMetrics
from shared.cassandra.session import Session
from shared.errors import NodeFullError, RetriableError
from shared.model.change import Change
from shared.model.domain import DomainName

AnswerEntry = CacheEntry[AnswerResponse]

_READS_PER_TURN = 100
"""So many of a bulk request begin before others have their turn."""
_AHEAD_SHARE = 0.2
"""Who asks in the last part of an answer's time has it read again, and waits for nothing."""
_FULL = "This node has as many reads in hand as it may."


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLimits:
    """How much is kept and for how long it is fresh."""

    fresh_seconds: float = 1.0
    max_final_domains: int = 100_000
    max_other_domains: int = 100_000
    gather_seconds: float = GATHER_SECONDS


class ReadThroughCache:
    """The answers of one node; to be closed."""

    def __init__(
        self,
        reader: CounterReader,
        threshold: int,
        clock: Callable[[], float],
        metrics: QueryMetrics,
        bounds: CacheLimits | None = None,
        *,
        bulk_reader: CounterReader | None = None,
    ) -> None:
        bounds = bounds or CacheLimits()
        self._reader = reader
        self._bulk_reader = bulk_reader or reader
        self.clock = clock
        self.fresh_seconds = bounds.fresh_seconds
        self._ahead_seconds = bounds.fresh_seconds * _AHEAD_SHARE
        self._cache: AnswerCache[AnswerResponse] = AnswerCache(
            threshold, bounds.max_final_domains, bounds.max_other_domains
        )
        metrics.cached = lambda: (self._cache.final_domains, self._cache.other_domains)
        self._metrics = metrics
        self._reads: dict[DomainName, asyncio.Task[AnswerEntry]] = {}
        self._changed: dict[DomainName, Change] = {}
        """News of domains that are being read."""
        self._refresher = Refresher(self._bulk_reader, self._refresh, bounds.gather_seconds)

    async def close(self) -> None:
        """End the reads that are still under way."""
        self._refresher.close()
        reads = list(self._reads.values())
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)

    def get_cached(self, text: str) -> AnswerEntry | None:
        """Return what is known of the domain that is spelled *text*, fresh or not.

        Any text may be asked for: only the one spelling of a domain finds it.
        """
        return self._cache.get(text)

    async def get(self, domain: DomainName) -> Answer:
        """Return an answer that is final or fresh. Raises RetriableError."""
        return (await self.get_entry(domain)).answer

    async def get_entry(self, domain: DomainName) -> AnswerEntry:
        """Do as ``get``, and return the answer with the response that belongs to it."""
        known = self._cache.get(domain)
        if known is not None and (known.answer.is_final or self.clock() < known.fresh_until):
            self.refresh_if_due(known)
            return known
        # Shielded: one who hangs up must not take the read away from the others.
        return await asyncio.shield(self._read(domain, self._reader))

    def refresh_if_due(self, known: AnswerEntry) -> None:
        """Have read again, soon, what is *known* and was given once more, if it is due."""
        if self.clock() >= self.refresh_at(known):
            self._refresher.schedule(known.answer.domain)

    def refresh_at(self, known: AnswerEntry) -> float:
        """Return from when on *known* is read again behind those who ask.

        Nobody ever waits for the counts of a final answer. Any other is read while it is fresh.
        """
        return known.fresh_until - (0.0 if known.answer.is_final else self._ahead_seconds)

    async def get_fresh(self, domain: DomainName) -> Answer:
        """Return an answer of a read that begins now or later. Raises RetriableError."""
        if (earlier := self._reads.get(domain)) is not None:
            await asyncio.wait([earlier])
        return (await asyncio.shield(self._read(domain, self._reader))).answer

    async def get_many(
        self, domains: Sequence[DomainName]
    ) -> dict[DomainName, Answer | RetriableError]:
        """Return an answer with recent counts for each of *domains*, or why there is none.

        While Cassandra cannot answer, final answers are as they are known. Raises NodeFullError
        if there is no room for all that would have to be read.
        """
        now = self.clock()
        found: dict[DomainName, Answer | RetriableError] = {}
        wanted: list[DomainName] = []
        for domain in domains:
            known = self._cache.get(domain)
            if known is not None and now < known.fresh_until:
                found[domain] = known.answer
            else:
                wanted.append(domain)
        if len(wanted) > self._bulk_reader.room:
            raise NodeFullError(_FULL)
        reads: dict[DomainName, asyncio.Task[AnswerEntry]] = {}
        for number, domain in enumerate(wanted):
            if number and not number % _READS_PER_TURN:
                await asyncio.sleep(0)
            reads[domain] = self._read(domain, self._bulk_reader)
        if reads:
            await asyncio.wait(reads.values())
        for domain, read in reads.items():
            found[domain] = self._outcome(domain, read)
        return found

    def invalidate(self, change: Change) -> None:
        """Note a change of status: a bounce is final at once, anything else is to be read."""
        self._cache.invalidate(change.domain, change.counted)
        if change.domain in self._reads:
            # That read may have seen what was before the change.
            earlier = self._changed.get(change.domain)
            if earlier is None or not earlier.counted.bounced:
                self._changed[change.domain] = change

    def _refresh(self, domain: DomainName) -> None:
        known = self._cache.get(domain)
        if known is not None and self.clock() >= self.refresh_at(known):
            self._read(domain, self._bulk_reader)

    def _outcome(
        self, domain: DomainName, read: "asyncio.Task[AnswerEntry]"
    ) -> Answer | RetriableError:
        try:
            return read.result().answer
        except NodeFullError as error:
            return error  # Cassandra could be read, so what is known may be outdated
        except RetriableError as error:
            known = self._cache.get(domain)
            return known.answer if known is not None and known.answer.is_final else error

    def _read(self, domain: DomainName, reader: CounterReader) -> "asyncio.Task[AnswerEntry]":
        """Return the read of *domain* that is under way, or begin one."""
        read = self._reads.get(domain)
        if read is None:
            if reader.room <= 0:
                raise NodeFullError(_FULL)
            read = self._reads[domain] = asyncio.create_task(self._read_now(domain, reader))
            read.add_done_callback(_retrieve)
        return read

    async def _read_now(self, domain: DomainName, reader: CounterReader) -> AnswerEntry:
        fresh_until = self.clock() + self.fresh_seconds
        self._metrics.reads += 1
        try:
            counters = await reader.read(domain)
        finally:
            del self._reads[domain]
            change = self._changed.pop(domain, None)
        known = self._cache.merge(domain, counters, fresh_until)
        if change is not None:
            self._cache.invalidate(domain, change.counted)
        return known


def _retrieve(read: "asyncio.Task[AnswerEntry]") -> None:
    """Look at what became of a read that perhaps nobody waits for any more."""
    if not read.cancelled():
        read.exception()


@asynccontextmanager
async def open_cache(
    session: Session, settings: QuerySettings, metrics: QueryMetrics
) -> AsyncIterator[ReadThroughCache]:
    """Open the answers that are read by *session*; single and bulk requests have reads apart."""
    clock = asyncio.get_running_loop().time
    single = ReadBounds(
        at_once=settings.reads_at_once,
        in_flight=settings.reads_in_flight,
        waiting=settings.max_waiting_reads,
        wait_seconds=settings.max_wait_seconds,
    )
    bulk = replace(
        single, waiting=settings.max_bulk_reads, wait_seconds=settings.max_bulk_wait_seconds
    )
    answers = ReadThroughCache(
        await CassandraCounterReader.prepare(session, single, clock),
        settings.threshold,
        clock,
        metrics,
        CacheLimits(
            fresh_seconds=settings.fresh_seconds,
            max_final_domains=settings.max_final_domains,
            max_other_domains=settings.max_other_domains,
        ),
        bulk_reader=await CassandraCounterReader.prepare(session, bulk, clock),
    )
    try:
        yield answers
    finally:
        await answers.close()
