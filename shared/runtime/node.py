"""Open what every process of the pipeline needs around its work."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry

from shared.auth.config import AccessConfig
from shared.auth.guard import Access, build_access
from shared.config import Address
from shared.http.application import Route
from shared.http.management import Readiness, build_management, keep_probing, new_registry
from shared.http.server import open_server
from shared.http.tls import ServerTls, build_tls
from shared.runtime.lifecycle import on_hangup, stop_on_signals, stop_with_parent
from shared.runtime.reloads import Reloads
from shared.security.config import TlsConfig
from shared.telemetry.tracing import open_tracing
from shared.telemetry.tracing_config import TracingConfig

if TYPE_CHECKING:
    from shared.telemetry.spans import Spans

Probe = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Node:
    """One process: its end, its metrics, its readiness, and what its servers need."""

    stop: asyncio.Event
    """Set by SIGTERM or SIGINT."""
    registry: CollectorRegistry
    readiness: Readiness
    access: Access | None
    """The API keys; None: the node runs open."""
    tls: ServerTls | None
    """The certificate of every port; None: plain HTTP."""
    spans: "Spans | None"
    """None: requests are not traced."""

    @property
    def guard(self) -> Middleware | None:
        """Checks API keys before a handler; None: the node runs open."""
        return None if self.access is None else self.access.check

    @asynccontextmanager
    async def probing(self, **probes: Probe) -> AsyncIterator[None]:
        """Keep the checks of the same names up to date until left."""
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(keep_probing(self.readiness[name], probe), name=f"probe-{name}")
                for name, probe in probes.items()
            ]
            yield
            for task in running:
                task.cancel()


@asynccontextmanager
async def open_node(
    service: str,
    *,
    management: Address,
    checks: Sequence[str],
    tls: TlsConfig,
    tracing: TracingConfig,
    access: AccessConfig | None = None,
    documents: Sequence[Route] = (),
    child: bool = False,
) -> AsyncIterator[Node]:
    """Yield the node, and close what it opened in reverse order.

    1. SIGTERM and SIGINT set ``stop``; a second one ends the process at once. A *child* also
       stops when its parent ends.
    2. SIGHUP makes it read its certificate and its key file again.
    3. The management port answers at *management*, with *documents* as further routes. The node
       is ready once each of *checks* has passed.
    4. Spans go to the collector, if there is one.

    Raises ConfigError.
    """
    registry = new_registry()
    keys = None if access is None else build_access(access)
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        certificate = build_tls(tls, registry)
        on_hangup(Reloads(registry, keys=keys, certificate=certificate))
        if child:
            stop_with_parent(stop)
        readiness = Readiness(*checks, stop=stop)
        await stack.enter_async_context(
            open_server(
                build_management(readiness, registry, *documents), *management, tls=certificate
            )
        )
        yield Node(
            stop=stop,
            registry=registry,
            readiness=readiness,
            access=keys,
            tls=certificate,
            spans=await stack.enter_async_context(open_tracing(tracing, service)),
        )
