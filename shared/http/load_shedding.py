"""Refuse at a pace: a node that is full must spend its time on what it has accepted.

Whoever is refused at once sends at once again, and each turn of the loop would answer hundreds
of refusals while what was accepted waits for a dozen turns. So a few refusals go out per tick.
While fewer than that come, none of them waits; beyond, they wait their turn, which the bound on
connections keeps to some seconds.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

from aiohttp import web

from shared.errors import NodeFullError
from shared.http.prebuilt import PrebuiltResponse
from shared.http.problems import respond_to

TICK_SECONDS = 0.012
SHARES_PER_TICK = 24
BYTES_PER_SHARE = 16 * 1024
"""To read so much of a body costs about as much as to answer a small request."""

CallLater = Callable[[float, Callable[[], None]], object]


class Pace:
    """Let shares pass, ``SHARES_PER_TICK`` of them per tick; what takes more is owed."""

    def __init__(self, call_later: CallLater) -> None:
        self._call_later = call_later
        self._left = SHARES_PER_TICK
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._ticking = False

    async def wait(self, shares: int) -> None:
        """Return when it is the turn of something that takes *shares*."""
        if not self._ticking:
            self._ticking = True
            self._call_later(TICK_SECONDS, self._tick)
        if self._left > 0 and not self._waiting:
            self._left -= shares
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, shares))
        await turn

    def _tick(self) -> None:
        self._left = min(SHARES_PER_TICK, self._left + SHARES_PER_TICK)
        while self._left > 0 and self._waiting:
            turn, shares = self._waiting.popleft()
            if not turn.done():  # else nobody waits for it any more
                turn.set_result(None)
                self._left -= shares
        self._ticking = self._left < SHARES_PER_TICK
        if self._ticking:
            self._call_later(TICK_SECONDS, self._tick)


class Refusals:
    """The refusals of a full node, built once for each of its few reasons."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._responses: dict[str, PrebuiltResponse] = {}

    async def answer(
        self, request: web.BaseRequest, reason: str, read_bytes: int = 0
    ) -> web.StreamResponse:
        """Return what to answer, once it is its turn; *read_bytes* of a body were read in vain.

        The reason is a NodeFullError's sentence, not the error: its traceback would keep the body.
        """
        response = self._responses.get(reason)
        if response is None:
            error = NodeFullError(reason)
            build = partial(respond_to, error)
            response = PrebuiltResponse(build, error.problem.status, error.problem.code)
            self._responses[reason] = response
        await self._pace.wait(1 + read_bytes // BYTES_PER_SHARE)
        return response.answer(request)
