"""The steps of consumer/worker.py without its tasks; it may be frozen, killed or stopped."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from consumer.counting.kept_memory import KeptMemory, PartitionMemory
from consumer.counting.keys.dedupe import Dedupe
from consumer.counting.ledger import PartitionLedger
from consumer.counting.ledger_rules import LedgerRules
from consumer.counting.pacing.circuit_breaker import CircuitBreaker
from consumer.counting.position import Position
from consumer.counting.rows.row_epoch import LONGEST_GAP_SECONDS, RowEpoch
from consumer.counting.rows.superseded import UNIX_EPOCH_TICKS, Retention
from shared.errors import BrokerUnavailableError
from tests.simulation.cassandra.replica_sets import BUCKETS, ReplicaSets
from tests.simulation.cassandra.store import Store
from tests.simulation.cassandra.store_nodes import NOTICE_SECONDS
from tests.simulation.kafka.group import Group
from tests.simulation.kafka.topic import Topic
from tests.simulation.kafka.topic_partition import KEY_WINDOW
from tests.simulation.schedule import Schedule
from tests.simulation.workers.partition import Partition, unsettled

THRESHOLD = 4
OWN_SECONDS = 8.0
OTHERS_SECONDS = 60.0
CLOCK_SECONDS = 8.0
"""How far a worker's clock may be ahead or behind: by its UUIDs the others judge the age of rows.
So two clocks differ by more than OWN_SECONDS, and by far less than OTHERS_SECONDS."""
DRAIN_SECONDS = 6.0
COMMIT_SECONDS = 5.0
AUDIT_SECONDS = 4.0


class Worker:
    """A worker process."""

    partition_class = Partition
    ledger_class = PartitionLedger
    dedupe_class = Dedupe
    kept_class = KeptMemory
    freeze_noticed_seconds = LONGEST_GAP_SECONDS

    def __init__(
        self, number: int, schedule: Schedule, stores: ReplicaSets, group: Group, topic: Topic
    ) -> None:
        self.name = f"worker{number}"
        self.schedule = schedule
        self.stores = stores
        self.topic = topic
        self.group = group
        self.alive = True
        self.new_writer: Callable[[], bytes] = self._new_writer
        self.frozen_since: float | None = None
        self.then: Callable[[], None] | None = None
        self.partitions: dict[int, Partition] = {}
        self.node = number.to_bytes(6)
        self.clock_ahead = schedule.between(-CLOCK_SECONDS, CLOCK_SECONDS)
        self._last_ticks = 0
        self._round = 0
        self._seen_until = 0.0
        self._blind_until = 0.0
        self._waiting: list[tuple[Callable[..., None], tuple[object, ...]]] = []
        self._revoking: list[Partition] | None = None
        self._kept = self.kept_class()
        self._circuits: dict[Store, CircuitBreaker] = defaultdict(CircuitBreaker)
        self._leaving = False
        self._commit_at = schedule.now + COMMIT_SECONDS
        self._audit_at = schedule.now + AUDIT_SECONDS
        self.epoch = RowEpoch(self._store_epoch, lambda: schedule.now, self.freeze_noticed_seconds)
        self.after(schedule.between(0.0, 0.3), self._tick)

    def _new_writer(self) -> bytes:
        ticks = int(self.wall_now() * 10_000_000) + UNIX_EPOCH_TICKS
        # As uuid.uuid1 does after the clock was set back.
        ticks = self._last_ticks = max(ticks, self._last_ticks + 1)
        low, mid, high = ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48 | 0x1000
        return b"".join(
            (low.to_bytes(4), mid.to_bytes(2), high.to_bytes(2), b"\x80\x00", self.node)
        )

    def wall_now(self) -> float:
        """Return the time of this process's clock, in seconds since 1970."""
        return 1_700_000_000 + self.schedule.now + self.clock_ahead

    def circuit_of(self, bucket: int) -> CircuitBreaker:
        """See Owner."""
        return self._circuits[self.stores.of_bucket(bucket)]

    def step_clock(self) -> None:
        """Set the clock forward or back."""
        self.clock_ahead = self.schedule.between(-CLOCK_SECONDS, CLOCK_SECONDS)
        if self.schedule.recording:
            self.schedule.record(self.name, f"its clock is now {self.clock_ahead:+.1f} s ahead")

    def _store_epoch(self) -> int:
        """See CounterStore: the number of connection changes that this process has noticed."""
        until = self.schedule.now - NOTICE_SECONDS
        if self.schedule.now < self._blind_until:
            until = self._seen_until
        return sum(bisect_right(store.changes, until) for store in self.watched_sets())

    def watched_sets(self) -> Sequence[Store]:
        """Return the sets of nodes whose connections are watched."""
        return self.stores.sets

    # ---- as a process

    def after(self, seconds: float, action: Callable[..., None], *arguments: object) -> None:
        """Schedule *action*; it runs when this process is awake, and not if it is dead."""
        self.schedule.after(seconds, self._act, action, arguments)

    def _act(self, action: Callable[..., None], arguments: tuple[object, ...]) -> None:
        if self.frozen_since is not None:
            self._waiting.append((action, arguments))
        elif self.alive:
            action(*arguments)

    def freeze(self) -> None:
        """Stop all work, as by SIGSTOP."""
        if self.frozen_since is None:
            self.frozen_since = self.schedule.now
            if self.schedule.recording:
                self.schedule.record(self.name, "is frozen")

    def wake(self) -> None:
        """Continue, first with everything missed; the first flushes may miss connection changes."""
        if self.frozen_since is None or not self.alive:
            return
        if self.schedule.recording:
            self.schedule.record(self.name, "wakes")
        self._seen_until = max(self.frozen_since - NOTICE_SECONDS, 0.0)
        # The driver's thread may wake a little later than ours.
        self._blind_until = self.schedule.now + self.schedule.random.choice([0.0, 0.0005, 0.0005])
        self.frozen_since = None
        missed, self._waiting = self._waiting, []
        for action, arguments in missed:
            self._act(action, arguments)

    def kill(self) -> None:
        """Die at once."""
        self.alive = False
        if self.schedule.recording:
            self.schedule.record(self.name, "is killed")

    def stop(self) -> None:
        """Flush, commit and leave, as on SIGTERM."""
        self._leaving = True
        self.revoke()

    def update_sent(self) -> None:
        """See Owner. A fault may be scheduled for a time with an update in flight."""
        if self.then is not None:
            then, self.then = self.then, None
            self.schedule.after(0.0, then)

    # ---- as a member of the group

    def join(self) -> None:
        """Join the group."""
        if not self._leaving:
            self.group.join(self)

    def on_rebalance(self) -> None:
        """See Member."""
        self._act(self.revoke, ())

    def revoke(self) -> None:
        """Flush within the deadline, then commit, stop to work, and join again."""
        if self._revoking is not None:
            return
        self._round += 1
        revoked = self._revoking = list(self.partitions.values())
        self.partitions = {}
        for partition in revoked:
            partition.drain()
        self.after(DRAIN_SECONDS, self._give_up, revoked)
        self.request_ended()

    def request_ended(self) -> None:
        """See Owner. A revocation ends when everything is settled."""
        if self._revoking is not None and not unsettled(self._revoking):
            self._give_up(self._revoking)

    def _give_up(self, revoked: list[Partition]) -> None:
        if self._revoking is not revoked:
            return
        self._revoking = None
        self.commit(revoked, [partition.position() for partition in revoked])
        memories = {partition.number: partition.suspend() for partition in revoked}
        committed = {partition.number: partition.committed for partition in revoked}
        self._kept.keep(memories, committed, self.schedule.now)
        if self._leaving:
            self.alive = False
            self.group.expel(self)
        else:
            self.group.join(self)

    def assign(self, generation: int, positions: Mapping[int, Position]) -> None:
        """See Member. The positions of some partitions become known later than those of others."""
        round_ = self._round
        self.after(self.schedule.between(0.001, 0.1), self._assign, round_, generation, positions)

    def _assign(self, round_: int, generation: int, positions: Mapping[int, Position]) -> None:
        if self._leaving or round_ != self._round:
            return  # the next rebalance has started
        self._kept.start_generation(generation, positions)
        for number, position in positions.items():
            delay = self.schedule.random.choice([0.0, 0.0, 3.0])
            self.after(delay, self._take_over, round_, number, position)

    def _take_over(self, round_: int, number: int, position: Position) -> None:
        if self._leaving or round_ != self._round:
            return
        memory = self._kept.take(number, position)
        if memory is None:
            memory = self.new_memory(number, position)
        else:
            self.schedule.inject("(worker) memory kept")
        at = self.group.topic_partitions[number]
        self.partitions[number] = self.partition_class(self, number, at, memory, position)
        self.partitions[number].start_requests()

    def new_memory(self, number: int, position: Position) -> PartitionMemory:
        """Return the memory of a partition of which nothing is known."""
        retention = Retention(self.node, OWN_SECONDS, OTHERS_SECONDS)
        ledger = self.ledger_class(
            self.group.topic_partitions[number].name,
            position.next_offset,
            LedgerRules(BUCKETS, THRESHOLD, 1.0, retention),
            self.new_writer,
        )
        return PartitionMemory(ledger, self.dedupe_class(KEY_WINDOW), position.keys_from)

    # ---- periodic work

    def _tick(self) -> None:
        schedule, now = self.schedule, self.schedule.now
        self.epoch.current()
        self._kept.expire(now)
        partitions = list(self.partitions.values())
        for partition in partitions:
            if schedule.chance() < 0.15:
                partition.ledger.evict_idle(int(schedule.chance() * 4))
            partition.fetch(int(schedule.chance() * 8) + 1)
            partition.upkeep.sweep()
        if now >= self._audit_at and partitions:
            self._audit_at = now + AUDIT_SECONDS
            partitions[int(schedule.chance() * len(partitions))].upkeep.audit()
        if now >= self._commit_at:
            self._commit_at = now + COMMIT_SECONDS
            self.commit(partitions, [partition.to_commit for partition in partitions])
            for partition in partitions:
                partition.to_commit = partition.position()
        self.after(schedule.between(0.5, 1.7), self._tick)

    def commit(self, partitions: Sequence[Partition], positions: Sequence[Position | None]) -> None:
        """Commit the positions that have moved."""
        moved = {
            partition.number: position
            for partition, position in zip(partitions, positions, strict=True)
            if position is not None and position.next_offset > partition.committed.next_offset
        }
        if not moved:
            return
        if self.schedule.recording:
            self.schedule.record(self.name, f"commits {moved}")
        try:
            if not self.group.commit(self, moved):
                return
        except BrokerUnavailableError:
            return
        for partition in partitions:
            if partition.number in moved:
                partition.committed = moved[partition.number]
