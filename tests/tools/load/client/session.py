"""An HTTP client that sends each request once or not at all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

from tests.tools.load.client.key import authorization

_CONNECT_SECONDS = 3.0


class NotSentError(Exception):
    """No connection could be opened: the request was not sent."""


class NoAnswerError(Exception):
    """The connection ended before an answer: the node may have executed the request."""


async def send_once(request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
    """Prevent aiohttp from repeating a PUT by itself after a broken connection.

    aiohttp repeats methods that are idempotent in theory, but an event sent twice counts twice. It
    recognises the failures to retry by their class, so this raises them as another class.
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
    """Open a client with keep-alive and an unlimited number of connections."""
    async with aiohttp.ClientSession(
        connector=connector or aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=_CONNECT_SECONDS),
        middlewares=(send_once,),
        headers=authorization(),
    ) as session:
        yield session
