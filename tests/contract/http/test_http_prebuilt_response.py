"""Prebuilt responses have the bytes that aiohttp sends: it fails when aiohttp changes."""

from collections.abc import Callable

import pytest
from aiohttp import web

from shared.http.application import OPEN, Route, build_application
from shared.http.prebuilt_response import PrebuiltResponse, encode_field, render
from shared.http.server import HttpLimits, build_server
from tests.contract.harness.wires import document, refuse
from tests.fakes.client_transport import exchange

DATE = "Sun, 29 Nov 2026 10:00:00 GMT"
REQUEST = b"GET / HTTP/1.1\r\nHost: h\r\n"
NAMED = b"X-Request-Id: a-1\r\n"


def accepted() -> web.Response:
    """Return a response without a body."""
    return web.Response(status=202)


def unchanged() -> web.Response:
    """Return a response that has no body and no length."""
    return web.Response(status=304, headers={"ETag": '"1a"'})


async def sent_by_aiohttp(build: Callable[[], web.Response], *lines: bytes) -> bytes:
    """Return the answer to a request with *lines* that is handled by *build*."""

    async def handle(_: web.Request) -> web.Response:
        return build()

    app = build_application([Route("GET", "/", handle, OPEN)])
    server = await build_server(app, HttpLimits())
    received, _ = await exchange(server, [REQUEST + b"".join(lines) + b"\r\n"])
    return received


@pytest.fixture(autouse=True)
def date(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time stand still."""
    for module in ("aiohttp.web_response", "shared.http.prebuilt_response"):
        monkeypatch.setattr(f"{module}.rfc822_formatted_time", lambda: DATE)


@pytest.mark.parametrize("build", [refuse, document, accepted, unchanged])
async def test_a_response_has_the_bytes_that_aiohttp_sends(
    build: Callable[[], web.Response],
) -> None:
    """The first time and the next, and as the last one of a connection."""
    prebuilt, request_id = (
        PrebuiltResponse(build, build().status),
        encode_field("X-Request-Id", "a-1"),
    )
    sent = await sent_by_aiohttp(build, NAMED)
    assert sent.startswith(b"HTTP/1.1 %d " % prebuilt.status)
    assert prebuilt.encode(request_id) == prebuilt.encode(request_id) == sent
    last = build()
    last.force_close()
    assert render(last, request_id) == await sent_by_aiohttp(build, NAMED, b"Connection: close\r\n")


async def test_a_response_differs_in_its_date_and_its_own_fields_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The date is the time of each answer (RFC 9110, 6.6.1)."""
    prebuilt = PrebuiltResponse(document, 200)
    plain = prebuilt.encode(b"")
    assert plain == await sent_by_aiohttp(document)
    assert prebuilt.encode(b"\r\nA: b") == plain.replace(b"\r\nContent-L", b"\r\nA: b\r\nContent-L")
    monkeypatch.setattr("shared.http.prebuilt_response.rfc822_formatted_time", lambda: "later")
    assert prebuilt.encode(b"") == plain.replace(DATE.encode(), b"later")
