"""The cache of a node, with counters and a clock that a test sets."""

import asyncio
from typing import Any

from prometheus_client import CollectorRegistry

from query.lookup.read_through_cache import CacheLimits, ReadThroughCache
from query.metrics import QueryMetrics
from shared.errors import StoreUnavailableError
from shared.model.counter import Counters
from shared.model.domain import DomainName
from tests.fakes.clock import Clock
from tests.fakes.counter_reader import InMemoryCounterReader

A = DomainName("a.example")
B = DomainName("b.example")
C = DomainName("c.example")
GONE = StoreUnavailableError("no answer")


class Node:
    """The cache of a node over counters in memory."""

    def __init__(self, **counters: Counters) -> None:
        self.reader = InMemoryCounterReader({f"{k}.example": v for k, v in counters.items()})
        self.clock = Clock()
        self.cache = ReadThroughCache(
            self.reader,
            1000,
            self.clock,
            QueryMetrics(CollectorRegistry()),
            CacheLimits(gather_seconds=0),
        )

    def count(self, domain: DomainName, delivered: int, bounced: int = 0) -> None:
        """Set the counters of *domain*."""
        self.reader.counters[domain] = Counters(delivered, bounced)

    def hold(self) -> asyncio.Event:
        """Block reads until the event is set."""
        self.reader.hold = asyncio.Event()
        return self.reader.hold

    async def delivered(self, domain: DomainName) -> int:
        """Return the deliveries in the answer of ``get``."""
        return (await self.cache.get(domain)).delivered


async def settle() -> None:
    """Run all tasks until each of them waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def started(coroutine: Any) -> "asyncio.Task[Any]":
    """Return a task of *coroutine* that has run until it waits."""
    task = asyncio.create_task(coroutine)
    await settle()
    return task
