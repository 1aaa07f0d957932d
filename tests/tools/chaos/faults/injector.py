"""Execute each kind of fault, from its beginning until its tier is healthy again."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from deploy.processes.errors import ServersError
from deploy.processes.node import Node
from tests.tools.chaos.faults.busiest import Busiest
from tests.tools.chaos.faults.cluster_health import Brokers
from tests.tools.chaos.faults.isolation import Isolation
from tests.tools.chaos.faults.schedule import (
    UNABLE_LEAD_SECONDS,
    UNABLE_TAIL_SECONDS,
    Kind,
    PlannedFault,
    Role,
)
from tests.tools.chaos.faults.supervisor import Supervisor, ballast_of
from tests.tools.chaos.history import Unable
from tests.tools.chaos.options import WORKERS, Tier
from tests.tools.chaos.recorder import Recorder
from tests.tools.chaos.system import System, user_of

_TURN_SECONDS = 30.0
"""If the tier is not healthy after this time, the fault is left out: the machine is too slow."""
_CHUNK = bytes(1024 * 1024)


class NoFreeNodeError(Exception):
    """Every node of a tier is down or has a fault already."""


class FaultInjector:
    """Injects planned faults into the nodes of a system."""

    def __init__(
        self,
        system: System,
        supervisor: Supervisor,
        isolation: Isolation,
        recorder: Recorder,
        busiest: Busiest,
        brokers: Brokers,
    ) -> None:
        self._system = system
        self._supervisor = supervisor
        self._isolation = isolation
        self._recorder = recorder
        self._busiest = busiest
        self._brokers = brokers
        self._until = 0.0
        # One fault at a time, and only while the servers are healthy.
        self._turns = {Tier.KAFKA: asyncio.Lock(), Tier.CASSANDRA: asyncio.Lock()}
        self.left_out: list[str] = []
        """Planned faults that did not happen, and why."""

    async def run(self, planned_faults: Sequence[PlannedFault], until: float) -> None:
        """Execute the schedule and return when all is healthy. No fault begins after *until*."""
        self._until = until
        async with asyncio.TaskGroup() as tasks:
            for planned in planned_faults:
                await asyncio.sleep(max(0.0, planned.at - self._recorder.now()))
                tasks.create_task(self._execute(planned))

    async def _execute(self, planned: PlannedFault) -> None:
        act = {
            Kind.KILL: self._kill,
            Kind.FREEZE: self._freeze,
            Kind.RESTART: self._restart,
            Kind.ROTATE: self._rotate,
            Kind.MOVE: self._move_coordinator,
            Kind.CUT: self._cut,
            Kind.MIN_ISR: self._break_min_isr,
            Kind.DISK_FULL: self._fill_disk,
        }[planned.kind]
        lock = self._turns.get(planned.tier, asyncio.Lock())
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await lock.acquire()
        except TimeoutError:
            self._leave_out(planned, "its tier was not healthy in time")
            return
        try:
            if self._recorder.now() + planned.seconds > self._until:
                self._leave_out(planned, "too late in the run")
                return
            await act(planned)
            await self._supervisor.wait_healthy(planned.tier)
        except NoFreeNodeError:
            self._leave_out(planned, "no node was free")
        except ServersError as error:
            # A node that did not restart is started again at the end.
            self._supervisor.report_unexpected(str(error))
        finally:
            lock.release()

    async def _kill(self, planned: PlannedFault) -> None:
        async with self._reserve_one(planned) as node:
            fault = self._recorder.begin("kill", node.name, planned.role)
            await node.kill()
            await asyncio.sleep(planned.seconds)
            await self._supervisor.start(node, planned.tier)
            fault.end()

    async def _freeze(self, planned: PlannedFault) -> None:
        async with self._reserve_one(planned) as node:
            fault = self._recorder.begin("freeze", node.name, _describe(planned))
            node.pause()
            await asyncio.sleep(planned.seconds)
            node.resume()
            fault.end()

    async def _restart(self, planned: PlannedFault) -> None:
        for node in list(self._system.nodes[planned.tier]):
            if not self._supervisor.is_free(node):
                continue
            if self._recorder.now() > self._until:
                break
            async with self._supervisor.reserve(node):
                fault = self._recorder.begin("restart", node.name)
                await self._supervisor.stop(node, planned.tier)
                await self._supervisor.start(node, planned.tier)
                fault.end()
            await self._supervisor.wait_healthy(planned.tier)

    async def _rotate(self, planned: PlannedFault) -> None:
        workers = self._system.nodes[Tier.WORKER]
        newcomer = self._system.build(Tier.WORKER)
        async with self._supervisor.reserve(newcomer):
            fault = self._recorder.begin("join", newcomer.name)
            workers.append(newcomer)
            await self._supervisor.start(newcomer, Tier.WORKER)
            fault.end()
        await asyncio.sleep(planned.seconds / 4)
        await self._let_one_leave()

    async def _let_one_leave(self) -> None:
        """Stop a worker if there is one more than at the beginning."""
        workers = self._system.nodes[Tier.WORKER]
        leaver = next((w for w in workers if self._supervisor.is_free(w)), None)
        if leaver is None or len(workers) <= WORKERS:
            return
        async with self._supervisor.reserve(leaver):
            fault = self._recorder.begin("leave", leaver.name)
            await self._supervisor.stop(leaver, Tier.WORKER)
            workers.remove(leaver)
            fault.end()

    async def _move_coordinator(self, planned: PlannedFault) -> None:
        newcomer = self._system.build(Tier.WORKER)
        async with self._reserve_one(planned) as broker, self._supervisor.reserve(newcomer):
            join = self._recorder.begin("join", newcomer.name)
            self._system.nodes[Tier.WORKER].append(newcomer)
            await newcomer.start()
            # A worker joins a second or two after its start.
            await asyncio.sleep(1.0 + planned.index % 20 / 10)
            fault = self._recorder.begin("kill", broker.name, "while a worker joins")
            await broker.kill()
            await asyncio.sleep(planned.seconds)
            await self._supervisor.start(broker, Tier.KAFKA)
            fault.end()
            await newcomer.wait_ready()
            join.end()
        await self._let_one_leave()

    async def _cut(self, planned: PlannedFault) -> None:
        async with self._reserve_one(planned) as node:
            address, user = node.plan.endpoints[0].host, user_of(node.name)
            fault = self._recorder.begin("cut", node.name, _describe(planned))
            self._isolation.cut_off(address, user)
            try:
                await asyncio.sleep(planned.seconds)
            finally:
                self._isolation.rejoin(address, user)
                fault.end()

    async def _break_min_isr(self, planned: PlannedFault) -> None:
        brokers = self._system.nodes[Tier.KAFKA]
        spared = brokers[planned.index % len(brokers)]
        frozen = [broker for broker in brokers if broker is not spared]
        async with self._supervisor.reserve(*frozen):
            names = ", ".join(broker.name for broker in frozen)
            fault = self._recorder.begin("min-isr", names, _describe(planned))
            for broker in frozen:
                broker.pause()
            await asyncio.sleep(UNABLE_LEAD_SECONDS)
            self._recorder.write(Unable(t=self._recorder.now(), phase="begin"))
            await asyncio.sleep(planned.seconds - UNABLE_LEAD_SECONDS - UNABLE_TAIL_SECONDS)
            # Every earlier request has its answer before Kafka can store again.
            self._recorder.write(Unable(t=self._recorder.now(), phase="end"))
            await asyncio.sleep(UNABLE_TAIL_SECONDS)
            for broker in frozen:
                broker.resume()
            fault.end()

    async def _fill_disk(self, planned: PlannedFault) -> None:
        broker = self._system.nodes[Tier.KAFKA][-1]
        async with self._supervisor.reserve(broker):
            fault = self._recorder.begin("disk-full", broker.name, _describe(planned))
            ballast = ballast_of(broker)
            await asyncio.to_thread(_fill, ballast)
            await asyncio.sleep(planned.seconds)
            ballast.unlink(missing_ok=True)
            # The process may be exiting right now.
            await asyncio.sleep(1.0)
            ended = broker.pid is None
            if ended:
                await self._supervisor.start(broker, Tier.KAFKA)
            fault.end("it exited and was started again" if ended else "it kept running")

    @asynccontextmanager
    async def _reserve_one(self, planned: PlannedFault) -> AsyncIterator[Node]:
        node = await self._choose(planned)
        async with self._supervisor.reserve(node):
            yield node

    async def _choose(self, planned: PlannedFault) -> Node:
        """Return the node with the role, among those without a fault."""
        nodes = self._system.nodes[planned.tier]
        number: int | None = None
        if planned.role is Role.BUSIEST and planned.tier is Tier.KAFKA:
            number = await self._brokers.leader_of(self._busiest.partition())
        elif planned.role is Role.COORDINATOR:
            number = await self._brokers.coordinator()
        elif planned.role is Role.BUSIEST and planned.tier is Tier.CASSANDRA:
            number = self._busiest.store()
        free = [node for node in nodes if self._supervisor.is_free(node)]
        if number is not None and nodes[number - 1] in free:
            return nodes[number - 1]
        if not free:
            raise NoFreeNodeError
        return free[planned.index % len(free)]

    def _leave_out(self, planned: PlannedFault, why: str) -> None:
        self.left_out.append(f"{planned.kind} of {planned.tier} at {planned.at:.0f} s: {why}")
        self._recorder.report(f"left out: {self.left_out[-1]}")


def _describe(planned: PlannedFault) -> str:
    who = "the busiest, " if planned.role is Role.BUSIEST else ""
    return f"{who}{planned.seconds:.1f} s"


def _fill(ballast: Path) -> None:
    """Write until the disk is full."""
    for chunk in (_CHUNK, b"\0"):
        with suppress(OSError), ballast.open("ab", buffering=0) as file:
            while file.write(chunk):
                pass
