"""The management port: is the process alive, is it ready, and its metrics."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from shared.errors import PipelineError
from shared.http.application import OPEN, Route, build_application

PROBE_SECONDS = 2.0


@dataclass(slots=True)
class Check:
    """A dependency that a process needs to be ready."""

    ok: bool = False
    last_error: Annotated[
        str | None, Meta(description="The most recent failure, even if the check passes again.")
    ] = None

    def passed(self) -> None:
        """Record that it works. The last error stays visible."""
        self.ok = True

    def failed(self, error: BaseException | str) -> None:
        """Record that it does not work, and why."""
        self.ok = False
        self.last_error = str(error) or type(error).__name__


class ReadinessReport(msgspec.Struct, frozen=True):
    """Whether a process takes traffic, and what it depends on."""

    ready: bool
    stopping: Annotated[
        bool, Meta(description="Whether the node is about to end. It completes what is in flight.")
    ]
    checks: Mapping[str, Check]


class Readiness:
    """The checks of one process: ready when all of them pass and it is not stopping."""

    def __init__(self, *names: str, stop: asyncio.Event | None = None) -> None:
        self.checks: Mapping[str, Check] = {name: Check() for name in names}
        self._stop = stop or asyncio.Event()

    def __getitem__(self, name: str) -> Check:
        return self.checks[name]

    @property
    def stopping(self) -> bool:
        """Whether a signal has stopped the process."""
        return self._stop.is_set()

    @property
    def ready(self) -> bool:
        """Whether this process should get traffic."""
        return not self.stopping and all(check.ok for check in self.checks.values())

    def report(self) -> ReadinessReport:
        """Return the body of ``/readyz``."""
        return ReadinessReport(self.ready, self.stopping, self.checks)


async def keep_probing(check: Check, probe: Callable[[], Awaitable[object]]) -> None:
    """Probe a dependency every few seconds, until cancelled."""
    while True:
        try:
            await probe()
        except PipelineError as error:
            check.failed(error)
        else:
            check.passed()
        await asyncio.sleep(PROBE_SECONDS)


def new_registry() -> CollectorRegistry:
    """Return a registry with the metrics of the process itself: CPU, memory, files, garbage."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry)
    return registry


def build_management(
    readiness: Readiness, registry: CollectorRegistry, *others: Route
) -> web.Application:
    """Return the application of the management port."""

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(
            status=200 if readiness.ready else 503,
            body=msgspec.json.encode(readiness.report()),
            content_type="application/json",
        )

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    return build_application(
        [
            Route("GET", "/livez", livez, OPEN),
            Route("GET", "/readyz", readyz, OPEN),
            Route("GET", "/metrics", metrics, OPEN),
            *others,
        ]
    )
