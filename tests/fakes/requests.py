"""Requests without a socket."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from unittest.mock import Mock

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

from shared.http.problems import CONTENT_TYPE, code_of
from shared.http.routing import Router
from tests.fakes.documents import check_documented


async def ask(
    router: Router,
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Return the router's response; *target* is that of the request line.

    Raises AssertionError for a problem that the operation does not document.
    """
    transport = Mock(asyncio.Transport)
    transport.get_write_buffer_size.return_value = 0
    if body is None:
        request = make_mocked_request(method, target, headers, transport=transport)
    else:
        loop = asyncio.get_running_loop()
        stream = StreamReader(BaseProtocol(loop), 2**24, loop=loop)
        stream.feed_data(body)
        stream.feed_eof()
        request = make_mocked_request(method, target, headers, payload=stream, transport=transport)
    response = await router(request)
    assert isinstance(response, web.Response)
    code = code_of(response)
    if code is not None and response.content_type == CONTENT_TYPE:
        check_documented(method, target, code)
    return response


def json_of(response: web.Response) -> Any:
    """Return the decoded body of *response*."""
    assert isinstance(response.body, bytes)
    return json.loads(response.body)
