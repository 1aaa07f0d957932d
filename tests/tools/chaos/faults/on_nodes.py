"""Faults of one node of any tier."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from deploy.processes.node import Node
from tests.tools.chaos.faults.isolation import lost_packets
from tests.tools.chaos.faults.scene import Scene, describe
from tests.tools.chaos.faults.schedule import PlannedFault
from tests.tools.chaos.options import Tier
from tests.tools.chaos.system import user_of

_SERVER_STEP_SECONDS = -90.0
"""Back first: timers of a Kafka that ran ahead may stand still until the true time is there."""
_STEP_SECONDS = 40.0
"""Of a process of ours. Two workers that differ by 80 s still agree on which rows are old."""
_NEAR_SECONDS = 15.0
"""A clock is read with this error: the last record of a broker may be a few seconds old."""
_LOOK_EVERY_SECONDS = 0.5


async def kill(scene: Scene, planned: PlannedFault) -> None:
    """SIGKILL, and a start some time later."""
    async with scene.reserve_one(planned) as node:
        fault = scene.recorder.begin("kill", node.name, planned.role)
        await node.kill()
        await asyncio.sleep(planned.seconds)
        await scene.supervisor.start(node, planned.tier)
        fault.end()


async def freeze(scene: Scene, planned: PlannedFault) -> None:
    """SIGSTOP, and SIGCONT some time later."""
    async with scene.reserve_one(planned) as node:
        fault = scene.recorder.begin("freeze", node.name, describe(planned))
        node.pause()
        await asyncio.sleep(planned.seconds)
        node.resume()
        fault.end()


async def cut(scene: Scene, planned: PlannedFault) -> None:
    """Nothing reaches the node, and nothing leaves it."""
    async with scene.reserve_one(planned) as node:
        address, user = node.plan.endpoints[0].host, user_of(node.name)
        fault = scene.recorder.begin("cut", node.name, describe(planned))
        before = lost_packets()
        scene.isolation.cut_off(address, user)
        try:
            await asyncio.sleep(planned.seconds)
        finally:
            scene.isolation.rejoin(address, user)
            fault.end(f"{lost_packets() - before} packets lost")


async def split(scene: Scene, planned: PlannedFault) -> None:
    """One or two of the three servers of a kind are out of reach for one process of ours."""
    async with scene.reserve_one(planned) as node:
        servers = out_of_reach(scene.system.nodes, planned)
        addresses = [server.plan.endpoints[0].host for server in servers]
        user = user_of(node.name)
        names = ", ".join(server.name for server in servers)
        fault = scene.recorder.begin("split", node.name, f"from {names}, {describe(planned)}")
        before = lost_packets()
        scene.isolation.split(user, addresses)
        try:
            await asyncio.sleep(planned.seconds)
        finally:
            scene.isolation.unite(user, addresses)
            lost = lost_packets() - before
            fault.end(f"{lost} packets lost")
        if not lost:
            scene.supervisor.report_unexpected(f"{node.name} sent nothing to {names}")


def out_of_reach(nodes: Mapping[Tier, Sequence[Node]], planned: PlannedFault) -> Sequence[Node]:
    """Return the servers that the process does not reach; an ingest node uses Kafka alone."""
    of_kafka = planned.tier is Tier.INGEST or planned.index % 2
    servers = nodes[Tier.KAFKA if of_kafka else Tier.CASSANDRA]
    first, missing = planned.index // 2 % len(servers), 1 + planned.index // 6 % 2
    return [servers[(first + i) % len(servers)] for i in range(missing)]


async def step_clock(scene: Scene, planned: PlannedFault) -> None:
    """The wall clock of the node steps, and some time later it steps back."""
    async with scene.reserve_one(planned) as node:
        seconds = _STEP_SECONDS if planned.index % 2 else -_STEP_SECONDS
        read = scene.read_clock
        if planned.tier is Tier.KAFKA:
            seconds, read = _SERVER_STEP_SECONDS, scene.brokers.clock_of
        elif planned.tier is Tier.CASSANDRA:
            seconds, read = _SERVER_STEP_SECONDS, scene.stores.clock_of
        fault = scene.recorder.begin("step", node.name, f"{seconds:+.0f} s, {describe(planned)}")
        end = scene.recorder.now() + planned.seconds
        scene.clocks.step(node.name, seconds)
        try:
            seen = await _until_stepped(node, read, seconds, planned.seconds)
            await asyncio.sleep(max(0.0, end - scene.recorder.now()))
        finally:
            scene.clocks.step_back(node.name)
            fault.end("not seen" if seen is None else f"its clock was seen {seen:+.1f} s off")
        if seen is None:
            scene.supervisor.report_unexpected(f"the clock of {node.name} was not seen to step")


async def _until_stepped(
    node: Node,
    read: Callable[[Node], Awaitable[float | None]],
    seconds: float,
    within_seconds: float,
) -> float | None:
    """Return how far the clock of *node* is off, once it has stepped; None: not in time."""
    try:
        async with asyncio.timeout(within_seconds):
            while True:
                now = await read(node)
                off = None if now is None else now - time.time()
                if off is not None and abs(off - seconds) < _NEAR_SECONDS:
                    return off
                await asyncio.sleep(_LOOK_EVERY_SECONDS)
    except TimeoutError:
        return None
