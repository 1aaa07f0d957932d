"""The faults of processes, and when they happen."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from tests.simulation.cassandra.replica import Replica
from tests.simulation.cassandra.replica_sets import ReplicaSets
from tests.simulation.cassandra.store import Store
from tests.simulation.cassandra.store_nodes import AWAY
from tests.simulation.kafka.group import Group
from tests.simulation.schedule import Schedule
from tests.simulation.workers.worker import Worker

SESSION_SECONDS = 10.0


class Workers(Protocol):
    """The worker processes of the world."""

    running: list[Worker]

    def start_worker(self) -> None:
        """Start one more worker."""


class Faults:
    """Kills, freezes and cuts off random nodes and workers."""

    def __init__(
        self, schedule: Schedule, stores: ReplicaSets, group: Group, processes: Workers
    ) -> None:
        self.schedule = schedule
        self.stores = stores
        self.group = group
        self.processes = processes
        self.over = False
        nodes: list[Callable[[], None]] = [
            self._kill_node,
            self._lose_writes,
            self._lose_writes,
            self._cut_node_off,
            self._take_a_quorum_away,
        ]
        workers: list[Callable[[], None]] = [
            self._freeze,
            self._freeze_while_a_node_restarts,
            self._make_stale,
            self._make_stale,
            self._kill,
            self._rotate,
            self._rebalance,
            self._step_clock,
        ]
        # Workers without faults have long rows, and a node can spoil more.
        unseen = [self._freeze_while_a_node_restarts]
        self._kinds = schedule.random.choice([nodes, workers, nodes + workers, unseen, unseen])

    def plan(self, number: int, until: float) -> None:
        """Schedule *number* random faults before *until*."""
        for _ in range(number):
            kind = self._kinds[int(self.schedule.chance() * len(self._kinds))]
            self.schedule.after(self.schedule.between(1.0, until), self._happen, kind)

    def move_partitions(self) -> None:
        """Rebalance, in half of the cases because a worker is replaced."""
        self.schedule.random.choice([self._rebalance, self._rotate])()

    def end(self) -> None:
        """Stop all faults, and wake every frozen worker."""
        self.over = True
        for worker in self.processes.running:
            worker.wake()

    def _happen(self, kind: Callable[[], None]) -> None:
        if not self.over:
            kind()

    def _worker(self) -> Worker | None:
        awake = [w for w in self.processes.running if w.alive and w.frozen_since is None]
        return awake[int(self.schedule.chance() * len(awake))] if awake else None

    # ---- nodes

    def _node(self) -> tuple[Store, Replica]:
        """Return a random node and its set, in half of the cases one that led a last update."""
        store = self._store()
        if self.schedule.chance() < 0.5:
            return store, store.last_leader
        return store, store.replicas[int(self.schedule.chance() * 3)]

    def _store(self) -> Store:
        return self.stores.sets[int(self.schedule.chance() * len(self.stores.sets))]

    def _kill_node(self) -> None:
        store, node = self._node()
        store.crash(node, losing=False)

    def _lose_writes(self) -> None:
        self._lose_writes_for(AWAY)

    def _lose_writes_for(self, away: tuple[float, float]) -> None:
        store, node = self._node()
        store.crash(node, losing=True, away=away)

    def _cut_node_off(self) -> None:
        store, node = self._node()
        store.cut_off(node, self.schedule.between(0.5, 8.0))

    def _take_a_quorum_away(self) -> None:
        """Let one set be without a quorum for a while; the others go on."""
        store = self._store()
        away = store.lose_quorum()
        seconds = self.schedule.between(2.0, 10.0)
        for node in away:
            self.schedule.after(seconds, store.restart, node)

    # ---- workers

    def _freeze(self) -> None:
        worker = self._worker()
        if worker is not None:
            self._freeze_for(worker, self.schedule.between(0.5, 20.0))

    def _freeze_for(self, worker: Worker, seconds: float) -> None:
        if self.over or worker.frozen_since is not None:
            return
        self.schedule.inject("worker frozen")
        worker.freeze()
        self.schedule.after(seconds, worker.wake)
        if seconds > SESSION_SECONDS:
            self.schedule.after(SESSION_SECONDS, self._expel, worker)

    def _freeze_while_a_node_restarts(self) -> None:
        """Freeze a worker with an update in flight, so that it misses a node's end and return."""
        worker = self._worker()
        if worker is not None:
            worker.then = partial(self._freeze_and_lose, worker)

    def _freeze_and_lose(self, worker: Worker) -> None:
        if not self.over:
            self._freeze_for(worker, self.schedule.between(4.5, 10.0))
            delay = self.schedule.between(0.03, 0.5)
            self.schedule.after(delay, self._lose_writes_for, (AWAY[0], AWAY[0] + 1.0))

    def _make_stale(self) -> None:
        """Let the group reassign a worker's partitions while the worker goes on."""
        worker = self._worker()
        if worker is not None:
            self.schedule.inject("worker stale")
            self._expel(worker)

    def _expel(self, worker: Worker) -> None:
        """Remove *worker* from the group; it notices after a while, and joins again."""
        if self.over or worker not in self.group.members:
            return
        if self.schedule.recording:
            self.schedule.record("group", f"has not heard of {worker.name} for too long")
        self.group.expel(worker)
        worker.after(self.schedule.between(0.5, 15.0), worker.revoke)

    def _step_clock(self) -> None:
        worker = self._worker()
        if worker is not None:
            self.schedule.inject("worker's clock set")
            worker.step_clock()

    def _kill(self) -> None:
        worker = self._worker()
        if worker is not None:
            self.schedule.inject("worker killed")
            worker.kill()
            self._replace(worker, self.schedule.between(0.5, SESSION_SECONDS))

    def _rotate(self) -> None:
        worker = self._worker()
        if worker is not None:
            self.schedule.inject("worker stopped")
            worker.stop()
            self._replace(worker, SESSION_SECONDS)

    def _replace(self, worker: Worker, heard_of_within: float) -> None:
        self.schedule.after(heard_of_within, self._bury, worker)
        self.schedule.after(self.schedule.between(0.5, 5.0), self.processes.start_worker)

    def _bury(self, worker: Worker) -> None:
        if worker.frozen_since is None:
            worker.alive = False
        self.group.expel(worker)

    def _rebalance(self) -> None:
        self.group.rebalance()
