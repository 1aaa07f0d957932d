"""Send the same response ten thousand times a second without building it each time.

aiohttp builds each response anew from a mapping of headers. A response built here is bytes that
are written to the connection as they are. This depends on how aiohttp's connection sends a
response (``prepare``, ``write_eof`` and ``keep_alive``):
``tests/contract/http/test_http_prebuilt_response.py`` fails when that changes.
"""

from collections.abc import Callable

from aiohttp import HttpVersion11, web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE

from shared.http.request_ids import REQUEST_ID, id_to_answer

MAX_UNREAD_BYTES = 16 * 1024
_NAME = f"\r\n{REQUEST_ID}: ".encode()


class PrebuiltResponse:
    """A response for many requests; *build* makes one in aiohttp's way.

    *status* and, for a refusal, the problem's *code* are those of the built response.
    """

    __slots__ = ("_after_date", "_before_date", "build", "code", "status")

    keep_alive = True

    def __init__(
        self, build: Callable[[], web.Response], status: int, code: str | None = None
    ) -> None:
        self.build = build
        self.status = status
        self.code = code
        self._before_date = b""
        self._after_date = b""

    def respond(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the response to *request*: this one, or a built one where its client needs it."""
        transport = request.transport
        if (
            request.version == HttpVersion11
            and request.keep_alive
            and request.method != "HEAD"
            and transport is not None
            and transport.get_write_buffer_size() < MAX_UNREAD_BYTES
        ):
            # Not a StreamResponse by its class, but it has all that a connection uses.
            return self  # type: ignore[return-value]
        return self.build()

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write it. Raises ConnectionResetError if the client has gone."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("Connection lost")
        transport.write(self.encode(id_to_answer(request, self.status)))

    def encode(self, request_id: str | None) -> bytes:
        """Return the bytes of the response, with the date and *request_id*, if there is one."""
        if not self._before_date:
            self._before_date, self._after_date = _render(self.build())
        # The only header that changes (RFC 9110, 6.6.1).
        date = rfc822_formatted_time().encode()
        if request_id is not None:
            date += _NAME + request_id.encode()
        return b"".join((self._before_date, date, self._after_date))

    async def write_eof(self) -> None:
        """Do nothing: ``prepare`` has written everything."""


def render(response: web.Response, request_id: str | None) -> bytes:
    """Return the bytes of *response* for an HTTP/1.1 client."""
    date = rfc822_formatted_time().encode()
    if request_id is not None:
        date += _NAME + request_id.encode()
    return date.join(_render(response))


def render_last(response: "PrebuiltResponse | web.Response", request_id: str | None) -> bytes:
    """Return the bytes of *response* as the last one of its connection."""
    built = response.build() if isinstance(response, PrebuiltResponse) else response
    built.force_close()
    return render(built, request_id)


def _render(response: web.Response) -> tuple[bytes, bytes]:
    """Return the bytes before the date and those after it."""
    body = response.body if isinstance(response.body, bytes) else b""
    headers = {
        **response.headers,
        "Content-Length": str(len(body)),
        "Server": SERVER_SOFTWARE,
    }
    if response.keep_alive is False:
        headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {response.status} {response.reason}"]
    lines.extend(f"{name}: {value}" for name, value in headers.items())
    lines.append("Date: ")
    return "\r\n".join(lines).encode(), b"\r\n\r\n" + body
