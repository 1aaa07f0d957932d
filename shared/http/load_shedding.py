"""Refuse requests at a limited rate, so that a full node spends its time on those it accepted.

A client that is refused at once often repeats at once, and each turn of the event loop would
answer hundreds of refusals while accepted requests wait for a dozen turns. So only a few refusals
leave per tick. While fewer than that arrive, none of them waits. Beyond, they queue; the limit of
connections keeps that queue to some seconds.
"""

from aiohttp import web

from shared.errors import NodeFullError
from shared.http.problems import repeat, respond_to
from shared.http.rate_limiter import RateLimiter

BYTES_PER_UNIT = 16 * 1024
"""A refusal counts as one more for each such part of the body that was read in vain."""


class LoadShedder:
    """Refuses requests of a full node; the document for each reason is encoded once."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter
        self._refusals: dict[str, web.Response] = {}

    async def refuse(self, reason: str, read_bytes: int = 0) -> web.Response:
        """Return the refusal of a request when the rate permits it.

        *read_bytes* of its body were read in vain, which makes it wait longer. *reason* is the
        sentence of a NodeFullError, not the error: its traceback would keep the body in memory.
        """
        await self._limiter.acquire(1 + read_bytes // BYTES_PER_UNIT)
        refusal = self._refusals.get(reason)
        if refusal is None:
            refusal = self._refusals[reason] = respond_to(NodeFullError(reason))
        return repeat(refusal)
