"""Handle ``GET /rates``, the pipeline's last minutes, and ``GET /pulse``, its state in detail."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated

import msgspec
import structlog
from aiohttp import web
from msgspec import Meta

from query.config import QueryConfig
from query.pulse.collector import PulseCollector
from query.pulse.history import Point
from query.pulse.ingest_document import PATH, IngestDocument
from query.pulse.sources import open_event_topic, open_management_ports
from shared.errors import InputError
from shared.http.application import OPEN, Route
from shared.model.scope import Scope
from shared.problems import Problem

log = structlog.stdlib.get_logger(__name__)

AFTER = "after"
AFTER_FORM = "a time in seconds since 1970"
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Rates(msgspec.Struct, frozen=True):
    """The last five minutes of the pipeline."""

    every_seconds: Annotated[
        float, Meta(description="The time between two points; it is less while somebody looks.")
    ]
    points: Annotated[list[Point], Meta(description="The oldest first.")]


class PulseHandlers:
    """The handlers of the pulse's routes."""

    def __init__(
        self, collector: PulseCollector, document: IngestDocument, every_seconds: float
    ) -> None:
        self._collector = collector
        self._document = document
        self._every_seconds = every_seconds

    async def get_pulse(self, _: web.Request) -> web.Response:
        """``GET /pulse``: every process and partition, now."""
        return _respond(await self._collector.current())

    async def get_rates(self, request: web.Request) -> web.Response:
        """``GET /rates``: the points after a time, by default of the last five minutes."""
        after = _after_of(request)
        await self._collector.current()
        return _respond(Rates(self._every_seconds, self._collector.history.after(after)))

    def routes(self) -> list[Route]:
        """Return the routes of the traffic port."""
        return [
            Route("GET", "/pulse", self.get_pulse, Scope.OPERATE),
            Route("GET", "/rates", self.get_rates, Scope.QUERY, parameters=(AFTER,)),
            Route("GET", PATH, self._document.get, OPEN),
        ]


def _respond(body: msgspec.Struct) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body), content_type="application/json", headers=_HEADERS
    )


def _after_of(request: web.Request) -> float:
    """Return the time of the last point that a client has; minus infinity: it has none."""
    text = request.query.get(AFTER)
    if text is None:
        return -math.inf
    with suppress(ValueError):
        return float(text)
    raise InputError(Problem.INVALID_PARAMETER, name=AFTER, form=AFTER_FORM)


@asynccontextmanager
async def open_pulse(config: QueryConfig) -> AsyncIterator[PulseHandlers]:
    """Collect the pulse regularly, and yield its handlers."""
    settings = config.query
    async with (
        open_management_ports(config.tls.ca_file) as ports,
        open_event_topic(config.kafka, settings.pulse_group) as topic,
    ):
        collector = PulseCollector(settings.pulse_addresses, ports, topic)
        collecting = asyncio.create_task(collector.run(settings.pulse_seconds))
        collecting.add_done_callback(_log_defect)
        try:
            document = IngestDocument(collector, ports, asyncio.get_running_loop().time)
            yield PulseHandlers(collector, document, settings.pulse_seconds)
        finally:
            collecting.cancel()
            await asyncio.gather(collecting, return_exceptions=True)


def _log_defect(collecting: "asyncio.Task[None]") -> None:
    # Look-ups are more important than charts: the node goes on.
    if not collecting.cancelled() and (error := collecting.exception()) is not None:
        log.error("the pulse is no longer collected", exc_info=error)
