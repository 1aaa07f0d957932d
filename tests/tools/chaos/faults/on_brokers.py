"""Faults that only Kafka has."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from deploy.processes.node import Node
from tests.tools.chaos.faults.on_tiers import let_one_leave
from tests.tools.chaos.faults.scene import Scene, describe
from tests.tools.chaos.faults.schedule import (
    UNABLE_LEAD_SECONDS,
    UNABLE_TAIL_SECONDS,
    PlannedFault,
)
from tests.tools.chaos.faults.supervisor import ballast_of
from tests.tools.chaos.history import Unable
from tests.tools.chaos.options import PARTITIONS, Tier

_CHUNK = bytes(1024 * 1024)
_LOOK_EVERY_SECONDS = 0.5
_PATIENCE_SECONDS = 15.0
"""Other faults of workers may delay the rebalance."""


async def move_coordinator(scene: Scene, planned: PlannedFault) -> None:
    """The broker that coordinates the workers' group is killed while a worker joins."""
    async with scene.reserve_one(planned) as broker, _joining(scene):
        # A worker joins a second or two after its start.
        await asyncio.sleep(1.0 + planned.index % 20 / 10)
        fault = scene.recorder.begin("kill", broker.name, "while a worker joins")
        await broker.kill()
        await asyncio.sleep(planned.seconds)
        await scene.supervisor.start(broker, Tier.KAFKA)
        fault.end()
    await let_one_leave(scene)


async def lose_leader(scene: Scene, planned: PlannedFault) -> None:
    """A partition has no leader, and a worker joins: the others must be read meanwhile.

    Its broker gets the only replica of the partition, and stops. It is not killed: Kafka would not
    elect the only replica again, since it may have lost records (KIP-966).
    ``Brokers.wait_healthy`` restores the replicas.
    """
    async with scene.reserve_one(planned) as broker:
        partition = await scene.brokers.leave_one_replica(broker, scene.busiest.partition())
        if partition is None:
            scene.supervisor.report_unexpected(f"{broker.name} got no partition to itself in time")
            return
        detail = f"partition {partition}, {describe(planned)}"
        fault = scene.recorder.begin("leaderless", broker.name, detail)
        await scene.supervisor.stop(broker, Tier.KAFKA)
        async with _joining(scene) as newcomer:
            seen = await _watch_others(scene, newcomer, partition, planned.seconds)
            await scene.supervisor.start(broker, Tier.KAFKA)
            fault.end(seen)
    await let_one_leave(scene)


async def _watch_others(scene: Scene, newcomer: Node, partition: int, seconds: float) -> str:
    """Return when *partition* had no leader and all others were read, after *seconds* or more.

    By then *newcomer* reads some of them: the group has rebalanced.
    """
    began = scene.recorder.now()
    others = set(range(PARTITIONS)) - {partition}
    leaderless, read = None, None
    while (passed := scene.recorder.now() - began) < seconds or (
        read is None and passed < seconds + _PATIENCE_SECONDS
    ):
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
        if leaderless is None and partition in await scene.brokers.without_leader():
            leaderless = passed
        if read is None and leaderless is not None and await scene.read_partitions([newcomer]):
            # Workers that took the partitions over after the rebalance could not start this one.
            workers = scene.system.nodes[Tier.WORKER]
            read = passed if await scene.read_partitions(workers) == others else None
    if leaderless is None or read is None:
        scene.supervisor.report_unexpected(
            f"the partitions beside {partition}, without a leader, were not seen to be read"
        )
        return "not seen" if leaderless is None else f"no leader after {leaderless:.1f} s"
    return f"no leader after {leaderless:.1f} s, the others were read after {read:.1f} s"


@asynccontextmanager
async def _joining(scene: Scene) -> AsyncIterator[Node]:
    """Start one more worker, and yield it; it must be ready at the end."""
    newcomer = scene.system.build(Tier.WORKER)
    async with scene.supervisor.reserve(newcomer):
        join = scene.recorder.begin("join", newcomer.name)
        scene.system.nodes[Tier.WORKER].append(newcomer)
        await newcomer.start()
        yield newcomer
        await newcomer.wait_ready()
        join.end()


async def break_min_isr(scene: Scene, planned: PlannedFault) -> None:
    """Two brokers are frozen: the third alone can't store."""
    brokers = scene.system.nodes[Tier.KAFKA]
    spared = brokers[planned.index % len(brokers)]
    frozen = [broker for broker in brokers if broker is not spared]
    async with scene.supervisor.reserve(*frozen):
        names = ", ".join(broker.name for broker in frozen)
        fault = scene.recorder.begin("min-isr", names, describe(planned))
        for broker in frozen:
            broker.pause()
        await asyncio.sleep(UNABLE_LEAD_SECONDS)
        scene.recorder.write(Unable(t=scene.recorder.now(), phase="begin"))
        await asyncio.sleep(planned.seconds - UNABLE_LEAD_SECONDS - UNABLE_TAIL_SECONDS)
        # Every earlier request has its answer before Kafka can store again.
        scene.recorder.write(Unable(t=scene.recorder.now(), phase="end"))
        await asyncio.sleep(UNABLE_TAIL_SECONDS)
        for broker in frozen:
            broker.resume()
        fault.end()


async def fill_disk(scene: Scene, planned: PlannedFault) -> None:
    """A broker's disk becomes full, and is freed."""
    broker = scene.system.nodes[Tier.KAFKA][-1]
    async with scene.supervisor.reserve(broker):
        fault = scene.recorder.begin("disk-full", broker.name, describe(planned))
        ballast = ballast_of(broker)
        await asyncio.to_thread(_fill, ballast)
        await asyncio.sleep(planned.seconds)
        ballast.unlink(missing_ok=True)
        # The process may be exiting right now.
        await asyncio.sleep(1.0)
        ended = broker.pid is None
        if ended:
            await scene.supervisor.start(broker, Tier.KAFKA)
        fault.end("it exited and was started again" if ended else "it kept running")


def _fill(ballast: Path) -> None:
    """Write until the disk is full."""
    for chunk in (_CHUNK, b"\0"):
        with suppress(OSError), ballast.open("ab", buffering=0) as file:
            while file.write(chunk):
                pass
