"""Read from Amazon SNS: its certificates, and the confirmation of a subscription."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import aiohttp

from shared.errors import CertificateUnavailableError

_MAX_BYTES = 64 * 1024
_WITHIN_SECONDS = 5.0
_PAUSE_SECONDS = 1.0
"""From the end of one read to the next: a forger can name many certificates, and costs us one
request a second. Requests that wait behind a read fail when it ends."""


class SnsClient:
    """Requests to Amazon SNS.

    The adapter has checked that each address is one of SNS (``ingest/adapters/ses.py``).
    """

    def __init__(self, http: aiohttp.ClientSession, clock: Callable[[], float]) -> None:
        self._http = http
        self._clock = clock
        self._next_at = float("-inf")
        self._turn = asyncio.Lock()

    async def read_certificate(self, url: str) -> bytes:
        """Return the body at *url*. Raises CertificateUnavailableError if it cannot be read now."""
        async with self._turn:
            if self._clock() < self._next_at:
                raise CertificateUnavailableError
            try:
                return await self.request(url)
            finally:
                self._next_at = self._clock() + _PAUSE_SECONDS

    async def request(self, url: str) -> bytes:
        """Return the body at *url*, as ``read_certificate``, but at any time."""
        try:
            async with self._http.get(url, allow_redirects=False) as answer:
                body = bytearray()
                async for piece in answer.content.iter_any():
                    body += piece
                    if len(body) > _MAX_BYTES:
                        raise CertificateUnavailableError
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CertificateUnavailableError from error
        if answer.status != HTTPStatus.OK:
            raise CertificateUnavailableError
        return bytes(body)


@asynccontextmanager
async def open_sns() -> AsyncIterator[SnsClient]:
    """Yield a client; it connects only when it is asked."""
    timeout = aiohttp.ClientTimeout(total=_WITHIN_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield SnsClient(http, asyncio.get_running_loop().time)
