"""Serve the files of ``static/`` from memory; no request path reaches the file system."""

import asyncio
import gzip
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from shared.http.application import OPEN, Route
from shared.http.request_rules import is_known

FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""Files with another suffix are not served."""
_REVALIDATE = "no-cache"
"""Browsers cache the files but revalidate them, so a page never mixes two versions."""


def security_headers(*, data_images: bool = False) -> dict[str, str]:
    """Return the headers of every page: no foreign sources, nothing inline, no framing.

    Pages of another origin cannot keep a reference to its window or embed its files.
    """
    sources = "; img-src 'self' data:" if data_images else ""
    return {
        "Content-Security-Policy": f"default-src 'self'{sources}; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


@dataclass(slots=True)
class StaticFile:
    """One file in memory, plain and, once a client accepts that, compressed."""

    content_type: str
    plain: bytes
    tag: str
    headers: dict[str, str]
    _compressed: bytes | None = None
    _compressing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    def of(cls, body: bytes, content_type: str, headers: dict[str, str]) -> "StaticFile":
        """Return the file; its ETag is a hash of *body*."""
        return cls(content_type, body, hashlib.sha256(body).hexdigest()[:32], headers)

    async def get(self, request: web.Request) -> web.Response:
        """``GET`` of the file; 304 if the client has it."""
        compressed = _accepts_gzip(request.headers.get("Accept-Encoding", ""))
        # Two representations need two ETags (RFC 9110, 8.8.3.3).
        tag = f"{self.tag}-gzip" if compressed else self.tag
        headers = {
            **self.headers,
            "ETag": f'"{tag}"',
            "Cache-Control": _REVALIDATE,
            "Vary": "Accept-Encoding",
        }
        if is_known(request, tag):
            return web.Response(status=304, headers=headers)
        if compressed:
            headers["Content-Encoding"] = "gzip"
        return web.Response(
            body=await self._compress() if compressed else self.plain,
            content_type=self.content_type,
            charset="utf-8",
            headers=headers,
        )

    async def _compress(self) -> bytes:
        """Compress the file for its first client, in a thread: the largest takes 70 ms."""
        async with self._compressing:
            if self._compressed is None:
                self._compressed = await asyncio.to_thread(gzip.compress, self.plain, 6, mtime=0)
            return self._compressed


def read(name: str) -> bytes:
    """Return the content of a file of ``static/``. Called when the process starts."""
    return (FOLDER / name).read_bytes()


def list_files() -> dict[str, str]:
    """Return the content type of each file to serve, by its path below ``static/``."""
    return {
        str(path.relative_to(FOLDER)): _TYPES[path.suffix]
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in _TYPES
    }


def build_file_routes() -> list[Route]:
    """Return a route for each file, by its whole path."""
    headers = security_headers()
    return [
        Route("GET", f"/static/{name}", StaticFile.of(read(name), kind, headers).get, OPEN)
        for name, kind in list_files().items()
    ]


def _accepts_gzip(accepted: str) -> bool:
    for part in accepted.lower().split(","):
        coding, _, parameters = part.partition(";")
        if coding.strip() == "gzip":
            return parameters.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
