"""Answer from memory; read domains that are unknown or expired from Cassandra.

All requests for a domain share one read, which continues when one of them is cancelled.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import structlog

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
from shared.telemetry.log_limit import limit_repeated_logs

log = structlog.stdlib.get_logger(__name__)

AnswerEntry = CacheEntry[AnswerResponse]

_READS_PER_TURN = 100
"""A bulk request starts this many reads before other tasks run."""
_AHEAD_SHARE = 0.2
"""A request in this last share of an answer's lifetime starts a read, and does not wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLimits:
    """The capacity of the cache, and the lifetime of its entries."""

    fresh_seconds: float = 1.0
    max_final_domains: int = 100_000
    max_other_domains: int = 100_000
    gather_seconds: float = GATHER_SECONDS


class ReadThroughCache:
    """The answers of one node. The owner must close it."""

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
        """The changes of domains whose read is in flight."""
        self._refresher = Refresher(self._bulk_reader, self._refresh, bounds.gather_seconds)

    async def close(self) -> None:
        """Cancel the reads in flight."""
        self._refresher.close()
        reads = list(self._reads.values())
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)

    def get_cached(self, text: str) -> AnswerEntry | None:
        """Return the entry of the domain spelled *text*, fresh or expired; never reads.

        *text* may be any text: only the canonical spelling of a domain has an entry.
        """
        return self._cache.get(text)

    async def get(self, domain: DomainName) -> Answer:
        """Return a final or fresh answer. Raises RetriableError."""
        return (await self.get_entry(domain)).answer

    async def get_entry(self, domain: DomainName) -> AnswerEntry:
        """Return the entry of a final or fresh answer. Raises RetriableError."""
        entry = self._cache.get(domain)
        if entry is not None and (entry.answer.is_final or self.clock() < entry.fresh_until):
            self.refresh_if_due(entry)
            return entry
        # Shielded: other requests share the read, so a client that disconnects must not cancel it.
        return await asyncio.shield(self._read(domain, self._reader))

    def refresh_if_due(self, entry: AnswerEntry) -> None:
        """Schedule another read of *entry*, which has just been used, if one is due."""
        if self.clock() >= self.refresh_at(entry):
            self._refresher.schedule(entry.answer.domain)

    def refresh_at(self, entry: AnswerEntry) -> float:
        """Return the time from which a request for *entry* starts a read in the background.

        No request waits for the counts of a final answer. Other answers are read while fresh.
        """
        return entry.fresh_until - (0.0 if entry.answer.is_final else self._ahead_seconds)

    async def get_fresh(self, domain: DomainName) -> Answer:
        """Return an answer from a read that starts now or later. Raises RetriableError."""
        if (earlier := self._reads.get(domain)) is not None:
            await asyncio.wait([earlier])
        return (await asyncio.shield(self._read(domain, self._reader))).answer

    async def get_many(
        self, domains: Sequence[DomainName]
    ) -> dict[DomainName, Answer | RetriableError]:
        """Return for each of *domains* an answer with fresh counts, or the error.

        While Cassandra cannot answer, final answers have the counts in memory. Raises
        NodeFullError if there is no room for all reads.
        """
        now = self.clock()
        found: dict[DomainName, Answer | RetriableError] = {}
        wanted: list[DomainName] = []
        for domain in domains:
            entry = self._cache.get(domain)
            if entry is not None and now < entry.fresh_until:
                found[domain] = entry.answer
            else:
                wanted.append(domain)
        if len(wanted) > self._bulk_reader.room:
            raise NodeFullError(CassandraCounterReader.FULL)
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
        """Apply a change of status: the answer is no longer fresh; a bounce makes it final."""
        self._cache.invalidate(change.domain, change.counted)
        if change.domain in self._reads:
            # That read may return counts from before the change.
            earlier = self._changed.get(change.domain)
            if earlier is None or not earlier.counted.bounced:
                self._changed[change.domain] = change

    def _refresh(self, domain: DomainName) -> None:
        entry = self._cache.get(domain)
        if entry is not None and self.clock() >= self.refresh_at(entry):
            self._read(domain, self._bulk_reader)

    def _outcome(
        self, domain: DomainName, read: "asyncio.Task[AnswerEntry]"
    ) -> Answer | RetriableError:
        try:
            return read.result().answer
        except NodeFullError as error:
            return error  # Cassandra works, so the answer in memory is not good enough
        except RetriableError as error:
            entry = self._cache.get(domain)
            return entry.answer if entry is not None and entry.answer.is_final else error

    def _read(self, domain: DomainName, reader: CounterReader) -> "asyncio.Task[AnswerEntry]":
        """Return the read of *domain* in flight, or start one."""
        read = self._reads.get(domain)
        if read is None:
            if reader.room <= 0:
                raise NodeFullError(CassandraCounterReader.FULL)
            read = self._reads[domain] = asyncio.create_task(self._read_now(domain, reader))
            read.add_done_callback(_report_defect)
        return read

    async def _read_now(self, domain: DomainName, reader: CounterReader) -> AnswerEntry:
        fresh_until = self.clock() + self.fresh_seconds
        self._metrics.reads += 1
        try:
            counters = await reader.read(domain)
        finally:
            del self._reads[domain]
            change = self._changed.pop(domain, None)
        entry = self._cache.merge(domain, counters, fresh_until)
        if change is not None:
            self._cache.invalidate(domain, change.counted)
        return entry


def _report_defect(read: "asyncio.Task[AnswerEntry]") -> None:
    """Retrieve the exception of a read and log a defect, as perhaps no request waits for it."""
    error = None if read.cancelled() else read.exception()
    if error is not None and not isinstance(error, RetriableError):
        log.error("a read failed", exc_info=error)


@asynccontextmanager
async def open_cache(
    session: Session, buckets: int, settings: QuerySettings, metrics: QueryMetrics
) -> AsyncIterator[ReadThroughCache]:
    """Open a cache over *session*. Single and bulk requests have separate readers."""
    limit_repeated_logs(__name__)
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
    cache = ReadThroughCache(
        await CassandraCounterReader.prepare(session, buckets, single, clock),
        settings.threshold,
        clock,
        metrics,
        CacheLimits(
            fresh_seconds=settings.fresh_seconds,
            max_final_domains=settings.max_final_domains,
            max_other_domains=settings.max_other_domains,
        ),
        bulk_reader=await CassandraCounterReader.prepare(session, buckets, bulk, clock),
    )
    try:
        yield cache
    finally:
        await cache.close()
