"""Faults of a whole tier of our own, and of its number of nodes."""

import asyncio

from tests.tools.chaos.faults.scene import Scene
from tests.tools.chaos.faults.schedule import PlannedFault
from tests.tools.chaos.options import WORKERS, Tier


async def restart(scene: Scene, planned: PlannedFault) -> None:
    """Each node of the tier in turn: SIGTERM, and a start."""
    for node in list(scene.system.nodes[planned.tier]):
        if not scene.supervisor.is_free(node):
            continue
        if scene.recorder.now() > scene.until:
            break
        async with scene.supervisor.reserve(node):
            fault = scene.recorder.begin("restart", node.name)
            await scene.supervisor.stop(node, planned.tier)
            await scene.supervisor.start(node, planned.tier)
            fault.end()
        await scene.supervisor.wait_healthy(planned.tier)


async def rotate(scene: Scene, planned: PlannedFault) -> None:
    """A worker joins, then another one leaves by SIGTERM."""
    newcomer = scene.system.build(Tier.WORKER)
    async with scene.supervisor.reserve(newcomer):
        fault = scene.recorder.begin("join", newcomer.name)
        scene.system.nodes[Tier.WORKER].append(newcomer)
        await scene.supervisor.start(newcomer, Tier.WORKER)
        fault.end()
    await asyncio.sleep(planned.seconds / 4)
    await let_one_leave(scene)


async def let_one_leave(scene: Scene) -> None:
    """Stop a worker if there is one more than at the beginning."""
    workers = scene.system.nodes[Tier.WORKER]
    leaver = next((w for w in workers if scene.supervisor.is_free(w)), None)
    if leaver is None or len(workers) <= WORKERS:
        return
    async with scene.supervisor.reserve(leaver):
        fault = scene.recorder.begin("leave", leaver.name)
        await scene.supervisor.stop(leaver, Tier.WORKER)
        workers.remove(leaver)
        fault.end()
