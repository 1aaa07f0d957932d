"""Handle ``GET /domains``, a download of all domains, and ``GET /summary``, their totals."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from query.config import ExportSettings, QueryConfig
from query.export.classified import ClassifiedDomains
from query.export.download import NOT_STORED, Download
from query.export.metrics import ExportMetrics
from query.export.request import PARAMETERS, parse_request
from query.export.scan import DomainScanner
from query.export.summary import SummaryKeeper, open_summary
from query.export.tally import Tally
from shared.cassandra.session import Session
from shared.http.application import Route
from shared.http.problems import HttpProblem
from shared.model.scope import Scope
from shared.problems import Problem

_encode = msgspec.json.Encoder().encode


class ExportHandlers:
    """The handlers of exports and totals. Stop it before the server drains."""

    def __init__(
        self,
        domains: ClassifiedDomains,
        summary: SummaryKeeper,
        settings: ExportSettings,
        metrics: ExportMetrics,
        clock: Callable[[], float],
    ) -> None:
        self._domains = domains
        self._summary = summary
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._clients = 0
        self._stopping = False

    async def get_domains(self, request: web.Request) -> web.StreamResponse:
        """``GET /domains``: one line per domain, and a last line with the totals."""
        asked = parse_request(list(request.rel_url.query.items()))
        ends_at = self._clock() + self._settings.max_seconds
        download = Download(
            request,
            asked,
            self._settings,
            self._metrics,
            lambda: self._stopping or self._clock() > ends_at,
            self._clock,
        )
        response = download.build_response()
        if request.method == "HEAD":
            return response
        self._enter()
        complete, tally = False, Tally()
        try:
            scan = self._domains.scan(asked.cursor, self._settings.requests_ahead)
            async with aclosing(scan):
                complete = await download.send(response, scan, tally)
        finally:
            self._leave(complete=complete)
        if complete and asked.cursor is None:
            self._summary.record(tally.totals)
        return response

    async def get_summary(self, _: web.Request) -> web.StreamResponse:
        """``GET /summary``: the totals of the last complete scan."""
        summary = await self._summary.get()
        if summary is None:
            raise HttpProblem(Problem.NOT_COUNTED_YET)
        return web.Response(
            body=_encode(summary), content_type="application/json", headers=NOT_STORED
        )

    def stop(self) -> None:
        """End every export soon, with a cursor: its client goes on at another node."""
        self._stopping = True

    def routes(self) -> list[Route]:
        """Return the routes of the traffic port."""
        return [
            Route("GET", "/domains", self.get_domains, Scope.QUERY, parameters=PARAMETERS),
            Route("GET", "/summary", self.get_summary, Scope.QUERY, parameters=()),
        ]

    def _enter(self) -> None:
        if self._stopping:
            raise HttpProblem(Problem.EXPORTS_STOPPING)
        if self._clients >= self._settings.max_clients:
            raise HttpProblem(Problem.TOO_MANY_EXPORTS)
        self._clients += 1
        self._metrics.clients.set(self._clients)

    def _leave(self, *, complete: bool) -> None:
        self._clients -= 1
        self._metrics.clients.set(self._clients)
        self._metrics.record_end(complete=complete)


@asynccontextmanager
async def open_exports(
    session: Session, buckets: int, config: QueryConfig, registry: CollectorRegistry
) -> AsyncIterator[ExportHandlers]:
    """Yield the handlers of exports over *session*. Raises StoreUnavailableError."""
    clock = asyncio.get_running_loop().time
    metrics = ExportMetrics(registry)
    scanner = await DomainScanner.prepare(session, buckets, clock)
    domains = ClassifiedDomains(scanner, config.query.threshold, metrics)
    async with open_summary(domains.count, config.exports.summary_seconds) as summary:
        yield ExportHandlers(domains, summary, config.exports, metrics, clock)
