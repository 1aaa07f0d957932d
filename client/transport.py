"""Send requests, and wait and repeat them while the service is full or away."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from client.errors import RefusedError, UnavailableError

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
_TRIED_AGAIN = {408, 429, 502, 503, 504}
"""Statuses after which the same request may succeed."""
_OK = 200
_MULTIPLE_CHOICES = 300
LOST = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError)
"""What aiohttp raises for a connection that could not be made, broke, or was silent too long."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and the body decoded from JSON, None if it is not JSON."""

    status: int
    body: Any
    retry_after_seconds: float | None

    @property
    def good(self) -> bool:
        """Whether the service did what was asked."""
        return _OK <= self.status < _MULTIPLE_CHOICES

    @property
    def may_succeed_later(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in _TRIED_AGAIN

    @property
    def code(self) -> str:
        """The code of a problem document, else an empty text."""
        return str(self.body.get("code", "")) if isinstance(self.body, dict) else ""

    def error(self) -> RefusedError:
        """Return the error of a refusal."""
        detail = self.body.get("detail", "") if isinstance(self.body, dict) else ""
        return RefusedError(self.status, self.code, str(detail) or "The service refused.")


class BackOff:
    """The pauses between attempts: longer and longer, as the service asks, and not for ever."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self.restart()

    def restart(self) -> None:
        """Begin anew, after a success."""
        self._next_seconds = FIRST_PAUSE_SECONDS
        self._ends_at = time.monotonic() + self._patience_seconds

    async def pause(self, at_least_seconds: float | None = None) -> bool:
        """Wait before the next attempt; return False at once if the time is over."""
        # Half of it is random, so that clients that were refused together do not come together.
        seconds = self._next_seconds * random.uniform(0.5, 1.0)  # noqa: S311 no secret
        seconds = max(seconds, at_least_seconds or 0.0)
        self._next_seconds = min(2 * self._next_seconds, LONGEST_PAUSE_SECONDS)
        if time.monotonic() + seconds > self._ends_at:
            return False
        await asyncio.sleep(seconds)
        return True


class Transport:
    """Requests to one address of the service."""

    def __init__(self, http: aiohttp.ClientSession, base_url: str, patience_seconds: float) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self.patience_seconds = patience_seconds

    async def attempt(self, method: str, path: str, **options: Any) -> Answer | None:
        """Send a request once; return None if no answer came, whatever became of the request."""
        try:
            async with self._http.request(method, self._base_url + path, **options) as answer:
                return await _read(answer)
        except LOST:
            return None

    async def request(self, method: str, path: str, **options: Any) -> Any:
        """Return the body of the answer; repeat the request while it may succeed later.

        For requests that change nothing. Raises RefusedError and UnavailableError.
        """
        back_off = BackOff(self.patience_seconds)
        while True:
            answer = await self.attempt(method, path, **options)
            if answer is not None and answer.good:
                return answer.body
            if answer is not None and not answer.may_succeed_later:
                raise answer.error()
            if not await back_off.pause(answer.retry_after_seconds if answer else None):
                raise _unavailable(self._base_url, answer)

    @asynccontextmanager
    async def stream(
        self, path: str, headers: Mapping[str, str], params: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """Yield the body of a long answer.

        Raises RefusedError, UnavailableError for an answer that may be better later, and LOST.
        """
        async with self._http.get(
            self._base_url + path,
            headers=headers,
            params=params,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60),
        ) as answer:
            if answer.status != _OK:
                refused = await _read(answer)
                if refused.may_succeed_later:
                    raise _unavailable(self._base_url, refused)
                raise refused.error()
            yield answer.content


async def _read(answer: aiohttp.ClientResponse) -> Answer:
    is_json = "json" in answer.headers.get("Content-Type", "")
    body = await answer.json(content_type=None) if is_json else None
    after = answer.headers.get("Retry-After", "")
    return Answer(answer.status, body, float(after) if after.isdecimal() else None)


def _unavailable(base_url: str, answer: Answer | None) -> UnavailableError:
    reason = "no answer" if answer is None else str(answer.error())
    return UnavailableError(f"{base_url}: {reason}")
