"""Serve the API document of the ingest tier: ``GET /docs/ingest.json``.

An ingest node renders it from its code and settings, and this node reads it from a management port
as it reads the metrics: the tiers never import each other, and no copy can be out of date.
"""

import asyncio
import hashlib
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import web

from query.pulse.collector import PulseCollector
from query.pulse.scrape import Tier
from query.pulse.sources import SourceError, Targets
from shared.http.problems import HttpProblem
from shared.http.request_rules import is_known
from shared.problems import Problem

PATH = "/docs/ingest.json"
CACHE_CONTROL = "no-cache"
_FRESH_SECONDS = 300.0
_RETRY_SECONDS = 5.0


class _Document(NamedTuple):
    body: bytes
    tag: str


class IngestDocument:
    """The document as it was read last; all requests share a read."""

    def __init__(
        self, collector: PulseCollector, targets: Targets, clock: Callable[[], float]
    ) -> None:
        self._collector = collector
        self._targets = targets
        self._clock = clock
        self._lock = asyncio.Lock()
        self._read_again_at = float("-inf")
        self._document: _Document | None = None

    async def get(self, request: web.Request) -> web.Response:
        """``GET /docs/ingest.json``; an old document is better than none."""
        async with self._lock:
            if self._clock() >= self._read_again_at:
                read = await self._read()
                self._document = read or self._document
                pause = _RETRY_SECONDS if read is None else _FRESH_SECONDS
                self._read_again_at = self._clock() + pause
        if self._document is None:
            raise HttpProblem(Problem.NO_INGEST_NODE)
        body, tag = self._document
        headers = {"ETag": f'"{tag}"', "Cache-Control": CACHE_CONTROL}
        if is_known(request, tag):
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        return web.Response(body=body, content_type="application/json", headers=headers)

    async def _read(self) -> _Document | None:
        """Return the document of the first ingest node that has one."""
        for address, name in await self._collector.processes(Tier.INGEST):
            try:
                body = await self._targets.read_document(address, name)
            except SourceError:
                continue
            return _Document(body, hashlib.sha256(body).hexdigest()[:32])
        return None
