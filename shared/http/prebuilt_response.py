"""Encode a response once for many hot requests, to the bytes that aiohttp would send.

Only the fast lane uses it, and the refusal of a connection, which has no request.
``tests/contract/http/test_http_prebuilt_response.py`` fails if aiohttp sends other bytes.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE


class _Parts(NamedTuple):
    """The bytes of a response around what differs from one answer to the next."""

    before_fields: bytes
    before_date: bytes
    after_date: bytes

    def join(self, fields: bytes) -> bytes:
        # The date is that of the answer (RFC 9110, 6.6.1).
        date = rfc822_formatted_time().encode()
        return b"".join((self.before_fields, fields, self.before_date, date, self.after_date))


class PrebuiltResponse:
    """A response with *status* to many hot requests; *build* makes it in aiohttp's way."""

    __slots__ = ("_parts", "build", "status")

    def __init__(self, build: Callable[[], web.Response], status: int) -> None:
        self.build = build
        self.status = status
        self._parts: _Parts | None = None

    def encode(self, fields: bytes) -> bytes:
        """Return the bytes of the response, with header *fields* of this one answer."""
        if self._parts is None:
            self._parts = _split(self.build())
        return self._parts.join(fields)


def encode_field(name: str, value: str) -> bytes:
    """Return a header field as ``encode`` and ``render`` take it."""
    return f"\r\n{name}: {value}".encode()


def render(response: web.Response, fields: bytes) -> bytes:
    """Return the bytes of *response* for an HTTP/1.1 client, with further header *fields*."""
    return _split(response).join(fields)


def _split(response: web.Response) -> _Parts:
    body = response.body if isinstance(response.body, bytes) else b""
    lines = [f"HTTP/1.1 {response.status} {response.reason}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    length = (
        "" if response.status == HTTPStatus.NOT_MODIFIED else f"\r\nContent-Length: {len(body)}"
    )
    end = f"\r\nServer: {SERVER_SOFTWARE}"
    if response.keep_alive is False and "Connection" not in response.headers:
        end += "\r\nConnection: close"
    return _Parts(
        "\r\n".join(lines).encode(),
        f"{length}\r\nDate: ".encode(),
        f"{end}\r\n\r\n".encode() + body,
    )
