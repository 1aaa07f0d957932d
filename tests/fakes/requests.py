"""Requests without a socket."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from unittest.mock import Mock

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from shared.http.problems import CONTENT_TYPE, code_of
from tests.fakes.documents import check_documented


async def ask(
    app: web.Application,
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Return the application's response; *target* is that of the request line.

    Raises AssertionError for a problem that the operation does not document.
    """
    payload: StreamReader = EMPTY_PAYLOAD
    if body is not None:
        loop = asyncio.get_running_loop()
        payload = StreamReader(BaseProtocol(loop), 2**24, loop=loop)
        payload.feed_data(body)
        payload.feed_eof()
    transport = Mock(asyncio.Transport)
    request = make_mocked_request(method, target, headers, payload=payload, transport=transport)
    app.freeze()
    response = await app._handle(request.clone(rel_url=_parse(target)))
    assert isinstance(response, web.Response)
    code = code_of(response)
    if code is not None and response.content_type == CONTENT_TYPE:
        check_documented(method, target, code)
    return response


def _parse(target: str) -> URL:
    """Return the URL as aiohttp's parser does."""
    if not target.startswith("/"):
        return URL(target, encoded=True)
    path, _, query = target.partition("?")
    return URL.build(path=path, query_string=query, encoded=True)


def json_of(response: web.Response) -> Any:
    """Return the decoded body of *response*."""
    assert isinstance(response.body, bytes)
    return json.loads(response.body)
