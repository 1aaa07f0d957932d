"""Read the body of a request within limits of size and time, and inflate it within one."""

import asyncio
import zlib
from collections.abc import Callable

from aiohttp import web

from shared.http.problems import HttpProblem
from shared.problems import Problem

_CLOSE = {"Connection": "close"}
BAD_FRAMING = "its framing contradicts its headers"
NOT_GZIP = "it is not gzip data"
ACCEPT_ENCODING = "gzip"
"""What an answer 415 to another content coding names (RFC 9110, 15.5.16)."""
_GZIP = {"gzip", "x-gzip"}
"""Two names of one coding (RFC 9110, 8.4.1.3)."""
_MAX_MEMBERS = 1000
_PIECE_BYTES = 16 * 1024
"""A member is inflated in pieces of this size: zlib copies the rest of the piece at its end."""
_GZIP_WINDOW = 31
"""zlib's number for the largest window in a gzip wrapper."""


def _admit_all(size_bytes: int) -> None:
    """Count nothing."""


async def read_body(
    request: web.BaseRequest,
    max_bytes: int,
    within_seconds: float,
    admit: Callable[[int], None] = _admit_all,
) -> bytes:
    """Return the body as it was sent; *admit* gets the size of each piece and may raise.

    Raises HttpProblem: 413 beyond *max_bytes*, before more is read; 408 if it has not
    arrived within *within_seconds*; 400 if its framing contradicts its headers, or if the
    client hangs up before its end.
    """
    too_large = HttpProblem(Problem.BODY_TOO_LARGE, _CLOSE, max_bytes=max_bytes)
    if (request.content_length or 0) > max_bytes:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(within_seconds):
            if request.headers.get("Expect", "").lower() == "100-continue":
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                # Else aiohttp takes these bytes for the start of the response.
                request.writer.output_size = 0
            while chunk := await request.content.readany():
                size += len(chunk)
                if size > max_bytes:
                    raise too_large
                admit(len(chunk))
                chunks.append(chunk)
    except TimeoutError as error:
        raise HttpProblem(Problem.BODY_TOO_SLOW, _CLOSE, seconds=within_seconds) from error
    except (web.RequestPayloadError, ConnectionError) as error:  # or the client has hung up
        raise HttpProblem(Problem.MALFORMED_BODY, _CLOSE, reason=BAD_FRAMING) from error
    return b"".join(chunks)


def inflate(request: web.BaseRequest, body: bytes, max_bytes: int) -> bytes:
    """Return *body* without its content coding, using memory for *max_bytes* at most.

    Raises HttpProblem: 415 for a coding other than gzip, 413 beyond *max_bytes*, 400 for a
    malformed gzip body.
    """
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding == "identity":
        return body
    if coding not in _GZIP:
        raise HttpProblem(Problem.UNSUPPORTED_ENCODING, {"Accept-Encoding": ACCEPT_ENCODING})
    inflated = bytearray()
    view, at = memoryview(body), 0
    members = 0
    try:
        while at < len(body):  # a file of several members is one body (RFC 1952, 2.2)
            members += 1
            if members > _MAX_MEMBERS:
                raise HttpProblem(Problem.MALFORMED_BODY, reason="it has too many gzip members")
            stream = zlib.decompressobj(_GZIP_WINDOW)
            while not stream.eof:
                if at == len(body):
                    raise HttpProblem(Problem.MALFORMED_BODY, reason="its gzip data end too early")
                piece = view[at : at + _PIECE_BYTES]
                inflated += stream.decompress(piece, max_bytes + 1 - len(inflated))
                if len(inflated) > max_bytes:
                    raise HttpProblem(Problem.BODY_TOO_LARGE, max_bytes=max_bytes)
                at += len(piece) - len(stream.unused_data)
    except zlib.error as error:
        raise HttpProblem(Problem.MALFORMED_BODY, reason=NOT_GZIP) from error
    return bytes(inflated)
