"""Requests without a socket."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

from shared.http import Router


async def ask(
    router: Router,
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Return the router's answer; *target* is what stands in the request line."""
    if body is None:
        request = make_mocked_request(method, target, headers)
    else:
        loop = asyncio.get_running_loop()
        stream = StreamReader(BaseProtocol(loop), 2**24, loop=loop)
        stream.feed_data(body)
        stream.feed_eof()
        request = make_mocked_request(method, target, headers, payload=stream)
    response = await router(request)
    assert isinstance(response, web.Response)
    return response


def json_of(response: web.Response) -> Any:
    """Return what the body of *response* says."""
    assert isinstance(response.body, bytes)
    return json.loads(response.body)
