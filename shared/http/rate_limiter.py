"""Limit how much work of one kind starts per tick of the clock."""

import asyncio
from collections import deque
from collections.abc import Callable

TICK_SECONDS = 0.012
UNITS_PER_TICK = 12

CallLater = Callable[[float, Callable[[], None]], object]


class RateLimiter:
    """Grants ``UNITS_PER_TICK`` units per tick, in the order of the calls.

    A grant may exceed what is left; later ticks make up for it.
    """

    def __init__(self, call_later: CallLater) -> None:
        self._call_later = call_later
        self._left = UNITS_PER_TICK
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._ticking = False

    async def acquire(self, units: int) -> None:
        """Return when *units* are granted: at once while there are units left and no queue."""
        if not self._ticking:
            self._ticking = True
            self._call_later(TICK_SECONDS, self._tick)
        if self._left > 0 and not self._waiting:
            self._left -= units
            return
        granted = asyncio.get_running_loop().create_future()
        self._waiting.append((granted, units))
        await granted

    def _tick(self) -> None:
        self._left = min(UNITS_PER_TICK, self._left + UNITS_PER_TICK)
        while self._left > 0 and self._waiting:
            granted, units = self._waiting.popleft()
            if not granted.done():  # else its caller was cancelled
                granted.set_result(None)
                self._left -= units
        self._ticking = self._left < UNITS_PER_TICK
        if self._ticking:
            self._call_later(TICK_SECONDS, self._tick)
