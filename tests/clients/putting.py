"""Send PUTs all the time, each for a new domain, and record every outcome."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import aiohttp

SENDERS = 16
PAUSE_SECONDS = 0.1
"""Between an answer and the next request of one sender."""
_ENOUGH = 120
"""That many domains cover all twelve partitions, except in one of 3,000 cases."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One PUT: when it was sent, the time to its answer, and the answer."""

    domain: str
    sent_at: float
    seconds: float
    status: int
    code: str
    retry_after: str | None


@dataclass(slots=True)
class Putting:
    """All PUTs of one run, in the order of their answers."""

    outcomes: list[Outcome] = field(default_factory=list)

    def since(self, sent_at: float) -> list[Outcome]:
        """Return the outcomes of the PUTs that were sent after *sent_at*."""
        return [outcome for outcome in self.outcomes if outcome.sent_at > sent_at]

    async def accepted(self, within_seconds: float) -> None:
        """Return once many PUTs in a row, all sent from now on, have been accepted.

        Raises TimeoutError if no such row begins within the time.
        """
        now = time.monotonic()
        begun = now
        while True:
            tail = self.since(begun)
            refused = [outcome.sent_at for outcome in tail if outcome.status != 202]
            if refused:
                begun = max(refused)
                continue
            if begun - now > within_seconds:
                raise TimeoutError(self.outcomes[-SENDERS:])
            if len(tail) >= _ENOUGH:
                return
            if not tail and time.monotonic() - begun > within_seconds:
                raise TimeoutError("no answers")
            await asyncio.sleep(0.05)


@asynccontextmanager
async def put_all_the_time(http: aiohttp.ClientSession, url: str) -> AsyncIterator[Putting]:
    """Send PUTs to *url* while the context is open; all of them have ended afterwards."""
    putting = Putting()
    numbers = count()
    stop = asyncio.Event()

    async def put() -> None:
        while not stop.is_set():
            domain = f"e{next(numbers)}.example.com"
            sent_at = time.monotonic()
            async with http.put(f"{url}/events/{domain}/delivered") as answer:
                body = await answer.json() if answer.status != 202 else {}
                putting.outcomes.append(
                    Outcome(
                        domain,
                        sent_at,
                        time.monotonic() - sent_at,
                        answer.status,
                        body.get("code", ""),
                        answer.headers.get("Retry-After"),
                    )
                )
            await asyncio.sleep(PAUSE_SECONDS)

    async with asyncio.TaskGroup() as senders:
        for _ in range(SENDERS):
            senders.create_task(put())
        try:
            yield putting
        finally:
            stop.set()
