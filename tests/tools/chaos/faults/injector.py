"""Execute each planned fault, from its beginning until its tier is healthy again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from deploy.processes.errors import ServersError
from tests.tools.chaos.faults import on_brokers, on_nodes, on_tiers
from tests.tools.chaos.faults.scene import NoFreeNodeError, Scene
from tests.tools.chaos.faults.schedule import Kind, PlannedFault
from tests.tools.chaos.options import Tier

_TURN_SECONDS = 30.0
"""If the tier is not healthy after this time, the fault is left out: the machine is too slow."""
_ACTS: dict[Kind, Callable[[Scene, PlannedFault], Awaitable[None]]] = {
    Kind.KILL: on_nodes.kill,
    Kind.FREEZE: on_nodes.freeze,
    Kind.CUT: on_nodes.cut,
    Kind.SPLIT: on_nodes.split,
    Kind.STEP: on_nodes.step_clock,
    Kind.RESTART: on_tiers.restart,
    Kind.ROTATE: on_tiers.rotate,
    Kind.MOVE: on_brokers.move_coordinator,
    Kind.LEADERLESS: on_brokers.lose_leader,
    Kind.MIN_ISR: on_brokers.break_min_isr,
    Kind.DISK_FULL: on_brokers.fill_disk,
}


class FaultInjector:
    """Injects planned faults into the nodes of a system."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        # One fault at a time, and only while the servers are healthy.
        self._turns = {Tier.KAFKA: asyncio.Lock(), Tier.CASSANDRA: asyncio.Lock()}
        self.left_out: list[str] = []
        """Planned faults that did not happen, and why."""

    async def run(self, planned_faults: Sequence[PlannedFault]) -> None:
        """Execute the schedule and return when all is healthy."""
        async with asyncio.TaskGroup() as tasks:
            for planned in planned_faults:
                at = self._scene.began + planned.at
                await asyncio.sleep(max(0.0, at - self._scene.recorder.now()))
                tasks.create_task(self._execute(planned))

    async def _execute(self, planned: PlannedFault) -> None:
        scene = self._scene
        lock = self._turns.get(planned.tier, asyncio.Lock())
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await lock.acquire()
        except TimeoutError:
            self._leave_out(planned, "its tier was not healthy in time")
            return
        try:
            if scene.recorder.now() + planned.seconds > scene.until:
                self._leave_out(planned, "too late in the run")
                return
            await _ACTS[planned.kind](scene, planned)
            await scene.supervisor.wait_healthy(planned.tier)
        except NoFreeNodeError:
            self._leave_out(planned, "no node was free")
        except ServersError as error:
            # A node that did not restart is started again at the end.
            scene.supervisor.report_unexpected(str(error))
        finally:
            lock.release()

    def _leave_out(self, planned: PlannedFault, why: str) -> None:
        self.left_out.append(f"{planned.kind} of {planned.tier} at {planned.at:.0f} s: {why}")
        self._scene.recorder.report(f"left out: {self.left_out[-1]}")
