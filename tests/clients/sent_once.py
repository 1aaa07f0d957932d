"""Keep aiohttp from sending a PUT twice.

Its client repeats methods that HTTP calls idempotent (RFC 9110, section 9.2.2) when the connection
ends without an answer, but an event that is sent twice counts twice. It recognises these failures
by their class.
"""

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse


async def sent_once(request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
    """Raise ClientConnectionError instead of what would make aiohttp repeat a PUT."""
    try:
        return await send(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if request.method != "PUT":
            raise
        raise aiohttp.ClientConnectionError(f"perhaps sent: {error!r}") from error
