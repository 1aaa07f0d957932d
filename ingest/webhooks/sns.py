"""Read from Amazon SNS: its certificates, and the confirmation of a subscription."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus

import aiohttp

from shared.errors import CertificateUnavailableError, SubscriptionUnconfirmedError
from shared.http.rate_limiter import CallLater

MAX_READS = 16
PAUSE_SECONDS = 1.0
"""A read of a certificate keeps its place for this long after its end. So a forger, who can name
many certificates, costs us ``MAX_READS`` requests a second at most."""
_MAX_BYTES = 64 * 1024
_WITHIN_SECONDS = 5.0


class _SnsError(Exception):
    """Amazon SNS does not answer as expected."""


class SnsClient:
    """Requests to Amazon SNS. The owner must close it.

    The adapter has checked that each address is one of SNS (``ingest/adapters/ses.py``).
    """

    def __init__(self, http: aiohttp.ClientSession, call_later: CallLater) -> None:
        self._http = http
        self._call_later = call_later
        self._reads: dict[str, asyncio.Task[bytes]] = {}
        """By address: in flight, or of the last ``PAUSE_SECONDS``."""

    async def close(self) -> None:
        """Cancel the reads in flight."""
        reads = list(self._reads.values())
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)

    async def read_certificate(self, url: str) -> bytes:
        """Return the body at *url*. Raises CertificateUnavailableError if it cannot be read now.

        All requests for one certificate share a read, so those of SNS need only one place among
        those of a forger; with all places taken it fails at once.
        """
        read = self._reads.get(url)
        if read is None:
            if len(self._reads) >= MAX_READS:
                raise CertificateUnavailableError
            read = self._reads[url] = asyncio.create_task(self._request(url))
            read.add_done_callback(partial(self._on_read, url))
        try:
            # Shielded: a client that disconnects must not cancel the read of the others.
            return await asyncio.shield(read)
        except _SnsError as error:
            raise CertificateUnavailableError from error

    def _on_read(self, url: str, read: "asyncio.Task[bytes]") -> None:
        if not read.cancelled():
            read.exception()  # perhaps no request waits for it any more
        self._call_later(PAUSE_SECONDS, partial(self._reads.__delitem__, url))

    async def confirm(self, url: str) -> None:
        """Confirm a subscription at *url*. Raises SubscriptionUnconfirmedError."""
        try:
            await self._request(url)
        except _SnsError as error:
            raise SubscriptionUnconfirmedError from error

    async def _request(self, url: str) -> bytes:
        """Return the body of a response of 200. Raises _SnsError."""
        try:
            async with self._http.get(url, allow_redirects=False) as answer:
                body = bytearray()
                async for piece in answer.content.iter_any():
                    body += piece
                    if len(body) > _MAX_BYTES:
                        raise _SnsError("the answer is too long")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _SnsError(f"no answer: {error!r}") from error
        if answer.status != HTTPStatus.OK:
            raise _SnsError(f"the answer is {answer.status}")
        return bytes(body)


@asynccontextmanager
async def open_sns() -> AsyncIterator[SnsClient]:
    """Yield a client; it connects only when it is asked."""
    timeout = aiohttp.ClientTimeout(total=_WITHIN_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
        sns = SnsClient(http, asyncio.get_running_loop().call_later)
        try:
            yield sns
        finally:
            await sns.close()
