"""The totals per status, from the last complete scan of all domains.

A scan is expensive, so the totals are old: a request for totals older than some minutes starts a
scan in the background and gets the old ones. A complete export counts as a scan.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import msgspec
import structlog
from msgspec import Meta

from query.export.tally import Number, Totals
from shared.errors import RetriableError

log = structlog.stdlib.get_logger(__name__)

FIRST_WAIT_SECONDS = 3.0
"""A request waits so long where there are no totals yet."""


class Summary(msgspec.Struct, frozen=True):
    """How many domains have each status: approximate, as they change during the scan and after."""

    totals: Totals
    domains: Annotated[Number, Meta(description="All domains that were ever seen.")]
    age_seconds: Annotated[
        float, Meta(ge=0, description="The time since the scan that counted them has ended.")
    ]


@dataclass(frozen=True, slots=True)
class _Counted:
    totals: Totals
    at: float


class SummaryKeeper:
    """The totals of one node. The owner must close it.

    *count_all* scans all domains; it may raise RetriableError.
    """

    def __init__(
        self,
        count_all: Callable[[], Awaitable[Totals]],
        fresh_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._count_all = count_all
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._last: _Counted | None = None
        self._scan: asyncio.Task[None] | None = None

    def record(self, totals: Totals) -> None:
        """Store the totals of a scan that is complete."""
        self._last = _Counted(totals, self._clock())

    async def get(self) -> Summary | None:
        """Return the last totals; None if the first scan takes longer than a moment.

        Raises RetriableError if the first scan failed.
        """
        last = self._last
        if last is None or self._clock() - last.at >= self._fresh_seconds:
            scan = self._scan
            if scan is None or scan.done():
                scan = self._scan = asyncio.create_task(self._count())
                scan.add_done_callback(_log_failure)
            if last is None:
                await asyncio.wait([scan], timeout=FIRST_WAIT_SECONDS)
                if scan.done():
                    scan.result()
        last = self._last
        if last is None:
            return None
        age_seconds = round(self._clock() - last.at, 3)
        return Summary(last.totals, last.totals.domains, age_seconds)

    async def _count(self) -> None:
        self.record(await self._count_all())

    async def close(self) -> None:
        """Cancel the scan, if there is one."""
        if self._scan is not None:
            self._scan.cancel()
            await asyncio.gather(self._scan, return_exceptions=True)


def _log_failure(scan: "asyncio.Task[None]") -> None:
    if scan.cancelled() or (error := scan.exception()) is None:
        return
    if isinstance(error, RetriableError):
        log.warning("cannot count the domains", error=str(error))
    else:  # a defect: no request waits for this scan, so nothing else reports it
        log.error("cannot count the domains", exc_info=error)


@asynccontextmanager
async def open_summary(
    count_all: Callable[[], Awaitable[Totals]], fresh_seconds: float
) -> AsyncIterator[SummaryKeeper]:
    """Open the totals of a node."""
    keeper = SummaryKeeper(count_all, fresh_seconds, asyncio.get_running_loop().time)
    try:
        yield keeper
    finally:
        await keeper.close()
