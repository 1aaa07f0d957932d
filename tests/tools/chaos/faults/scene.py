"""What faults act on, and which node has the role that a fault is planned for."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from deploy.processes.node import Node
from tests.tools.chaos.faults.brokers import Brokers
from tests.tools.chaos.faults.busiest import Busiest
from tests.tools.chaos.faults.clocks import Clocks
from tests.tools.chaos.faults.isolation import Isolation
from tests.tools.chaos.faults.schedule import PlannedFault, Role
from tests.tools.chaos.faults.stores import Stores
from tests.tools.chaos.faults.supervisor import Supervisor
from tests.tools.chaos.options import Tier
from tests.tools.chaos.recorder import Recorder
from tests.tools.chaos.system import System


class NoFreeNodeError(Exception):
    """Every node of a tier is down or has a fault already."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The system, and everything that faults need to act on it."""

    system: System
    supervisor: Supervisor
    isolation: Isolation
    clocks: Clocks
    recorder: Recorder
    busiest: Busiest
    brokers: Brokers
    stores: Stores
    read_partitions: Callable[[Sequence[Node]], Awaitable[set[int]]]
    """Returns the partitions that the given workers read."""
    read_clock: Callable[[Node], Awaitable[float | None]]
    """Returns the time of a process of ours, in seconds since 1970; None without an answer."""
    began: float
    """When load and faults began."""
    until: float
    """No fault begins after this time."""

    @asynccontextmanager
    async def reserve_one(self, planned: PlannedFault) -> AsyncIterator[Node]:
        """Reserve the node of *planned* while the body runs. Raises NoFreeNodeError."""
        node = await self._choose(planned)
        async with self.supervisor.reserve(node):
            yield node

    async def _choose(self, planned: PlannedFault) -> Node:
        """Return the node with the role, among those without a fault."""
        nodes = self.system.nodes[planned.tier]
        number: int | None = None
        if planned.role is Role.BUSIEST and planned.tier is Tier.KAFKA:
            number = await self.brokers.leader_of(self.busiest.partition())
        elif planned.role is Role.COORDINATOR:
            number = await self.brokers.coordinator()
        elif planned.role is Role.BUSIEST and planned.tier is Tier.CASSANDRA:
            number = self.busiest.store()
        elif planned.role is Role.STEPPING:
            nodes = [node for node in nodes if self.clocks.can_step(node.name)]
        free = [node for node in nodes if self.supervisor.is_free(node)]
        if number is not None and nodes[number - 1] in free:
            return nodes[number - 1]
        if not free:
            raise NoFreeNodeError
        return free[planned.index % len(free)]


def describe(planned: PlannedFault) -> str:
    """Return the role and the duration of *planned*."""
    who = "the busiest, " if planned.role is Role.BUSIEST else ""
    return f"{who}{planned.seconds:.1f} s"
