"""Measure from a PUT that changes a status to the GET that shows it."""

import asyncio
import secrets
from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

import aiohttp

from tests.tiers.stack import TierProcess
from tests.tools.bench.measurement.percentile import Percentiles, percentiles_ms
from tests.tools.bench.measurement.result import MeasurementError

EVERY_SECONDS = 0.2
POLL_SECONDS = 0.005
_CHANGED = b'"not catch-all"'
_LATE_SECONDS = 0.3
_POLL_SHARE, _LATE_POLL_SHARE = 0.1, 0.5
"""After some time polls become rarer: the time until a change is visible is known to 10 %, that of
a late one to 50 %, never too short. With 5 and 20 % the polls for some hundred late changes, 430 a
second, took 0.14 of a core here and as much more in the query node, and made more changes late."""


class Sighting(NamedTuple):
    """A change that became visible: when its PUT started, and how many seconds later."""

    began: float
    seconds: float


class Probe:
    """Sends the first bounce of new domains and waits until each is visible.

    ``domains`` has how many bounces of each were accepted, 0 or 1; ``failures`` are in words.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        ingest: TierProcess,
        query: TierProcess,
        longest_seconds: float = 30.0,
    ) -> None:
        self._http = http
        self._ingest = ingest.url
        self._query = query.url
        self._longest_seconds = longest_seconds
        self.domains: dict[str, int] = {}
        self.sightings: list[Sighting] = []
        self.failures: list[str] = []

    async def run(self, domains: int) -> Percentiles:
        """Start one domain after the other at a fixed rate, in parallel.

        Raises MeasurementError if one of them does not become visible in time.
        """
        stop = asyncio.Event()
        seen = len(self.sightings)
        await self.run_until(stop, domains)
        if self.failures:
            raise MeasurementError(self.failures[0])
        return percentiles_ms([sighting.seconds for sighting in self.sightings[seen:]])

    async def run_until(self, stop: asyncio.Event, domains: int | None = None) -> None:
        """Do the same until *stop* is set, or with that many domains; failures are recorded."""
        label = secrets.token_hex(6)
        loop = asyncio.get_running_loop()
        began, index = loop.time(), 0
        async with asyncio.TaskGroup() as tasks:
            while not stop.is_set() and index != domains:
                await asyncio.sleep(began + index * EVERY_SECONDS - loop.time())
                tasks.create_task(self.watch(f"probe-{label}-{index}.example.com"))
                index += 1

    async def watch_all(self, domains: Sequence[str]) -> list[float | None]:
        """Return for each domain the seconds until its bounce was visible; None if it failed."""
        return await asyncio.gather(*(self.watch(domain) for domain in domains))

    async def watch(self, domain: str) -> float | None:
        """Return the seconds from the PUT's start to the first answer that shows the bounce."""
        began = perf_counter()
        try:
            seconds = await self._watch(domain, began)
        except (MeasurementError, aiohttp.ClientError, TimeoutError) as error:
            self.failures.append(f"{domain}: {error!r}")
            return None
        self.sightings.append(Sighting(began, seconds))
        return seconds

    async def _watch(self, domain: str, began: float) -> float:
        self.domains[domain] = 0
        async with self._http.put(f"{self._ingest}/events/{domain}/bounced") as answer:
            if answer.status != 202:
                raise MeasurementError(f"the PUT was answered with {answer.status}")
        self.domains[domain] = 1
        while True:
            async with self._http.get(f"{self._query}/domains/{domain}") as answer:
                shown = _CHANGED in await answer.read()
            elapsed = perf_counter() - began
            if shown:
                return elapsed
            if elapsed > self._longest_seconds:
                raise MeasurementError(f"not visible after {elapsed:.0f} s")
            share = _POLL_SHARE if elapsed < _LATE_SECONDS else _LATE_POLL_SHARE
            await asyncio.sleep(max(POLL_SECONDS, elapsed * share))
