"""Track the nodes with faults, restart nodes that died, and repair everything at the end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from deploy.processes.errors import ServersError
from deploy.processes.node import Node, describe_status
from tests.tools.chaos.faults.brokers import Brokers
from tests.tools.chaos.faults.isolation import Isolation
from tests.tools.chaos.faults.stores import Stores
from tests.tools.chaos.options import Tier
from tests.tools.chaos.recorder import Recorder
from tests.tools.chaos.system import System, data_folder, user_of

STOP_SECONDS = 25.0
_OUR_TIERS = frozenset({Tier.INGEST, Tier.WORKER, Tier.QUERY})
_SUPERVISE_SECONDS = 0.5


class Supervisor:
    """Every operation on nodes apart from the faults."""

    def __init__(
        self,
        system: System,
        isolation: Isolation,
        recorder: Recorder,
        brokers: Brokers,
        stores: Stores,
    ) -> None:
        self._system = system
        self._isolation = isolation
        self._recorder = recorder
        self._health_checks: dict[Tier, Callable[[], Awaitable[bool]]] = {
            Tier.KAFKA: brokers.wait_healthy,
            Tier.CASSANDRA: stores.wait_healthy,
        }
        self._held: set[str] = set()
        self.unexpected: list[str] = []
        """Unexpected events: a node that exited by itself, or with an error when stopped."""

    def is_free(self, node: Node) -> bool:
        """Return True if *node* runs and has no fault."""
        return node.name not in self._held and node.pid is not None

    @asynccontextmanager
    async def reserve(self, *nodes: Node) -> AsyncIterator[None]:
        """Reserve *nodes* while the body runs."""
        names = {node.name for node in nodes}
        self._held |= names
        try:
            yield
        finally:
            self._held -= names

    async def start(self, node: Node, tier: Tier) -> None:
        """Start *node* and wait until it is ready. Raises ServersError."""
        await node.start()
        await node.wait_ready(len(self._system.nodes[tier]))

    async def stop(self, node: Node, tier: Tier) -> None:
        """Stop *node*, and record a bad exit."""
        status = await node.stop(STOP_SECONDS)
        if tier in _OUR_TIERS and status != 0:
            self.report_unexpected(f"{node.name}, asked to stop, {describe_status(status)}")

    async def wait_healthy(self, tier: Tier) -> None:
        """Wait until all servers of *tier* are connected again; our own tiers need no wait."""
        wait = self._health_checks.get(tier)
        if wait is not None and not await wait():
            self.report_unexpected(f"{tier} was not healthy again in time")

    async def supervise(self) -> None:
        """Restart nodes that died by themselves, until cancelled."""
        while True:
            await asyncio.sleep(_SUPERVISE_SECONDS)
            for node in self._system.all:
                if node.name not in self._held and node.was_started and node.pid is None:
                    await self._restart(node)

    async def heal(self) -> None:
        """Repair everything, whatever the faults were doing."""
        for node in (*self._system.nodes[Tier.KAFKA], *self._system.nodes[Tier.CASSANDRA]):
            if self._isolation.cut:
                self._isolation.rejoin(node.plan.endpoints[0].host, user_of(node.name))
        for broker in self._system.nodes[Tier.KAFKA]:
            ballast_of(broker).unlink(missing_ok=True)
        for node in self._system.all:
            if node.pid is not None:
                node.resume()
        await asyncio.gather(*(self._repair(node) for node in self._system.all))
        await asyncio.gather(self.wait_healthy(Tier.KAFKA), self.wait_healthy(Tier.CASSANDRA))

    def report_unexpected(self, what: str) -> None:
        """Store *what* for the end of the run, and report it."""
        self.unexpected.append(f"{self._recorder.now():.1f} s: {what}")
        self._recorder.report(f"unexpected: {what}")

    async def _repair(self, node: Node) -> None:
        try:
            if node.pid is None:
                await node.start()
            await node.wait_ready()
        except ServersError as error:
            self.report_unexpected(str(error))

    async def _restart(self, node: Node) -> None:
        obituary = node.describe_exit()
        self.report_unexpected(f"exited by itself: {obituary}")
        async with self.reserve(node):
            fault = self._recorder.begin("died", node.name, obituary)
            with suppress(ServersError):
                await node.start()
            fault.end()


def ballast_of(broker: Node) -> Path:
    """Return the file that fills the disk of *broker*."""
    return data_folder(broker) / "ballast"
