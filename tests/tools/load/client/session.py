"""Speak HTTP: each request goes out once or not at all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

from tests.tools.load.client.key import authorization

_CONNECT_SECONDS = 3.0


class NotSentError(Exception):
    """No connection could be had: the request was not sent."""


class NoAnswerError(Exception):
    """The connection ended before an answer: the request may have been carried out."""


async def send_once(request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from sending a PUT again by itself on a connection that broke.

    It does so for methods that are idempotent in theory; an event sent twice counts twice. It
    knows the failures that it retries by their class, so they leave here under another.
    """
    try:
        return await send(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise NotSentError(str(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        if isinstance(error, TimeoutError):
            raise
        raise NoAnswerError(str(error)) from error


@asynccontextmanager
async def open_session(
    timeout_seconds: float, connector: aiohttp.BaseConnector | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a client that keeps connections alive and opens as many as it is asked for."""
    async with aiohttp.ClientSession(
        connector=connector or aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=_CONNECT_SECONDS),
        middlewares=(send_once,),
        headers=authorization(),
    ) as session:
        yield session
