"""The whole simulation: one run from one seed."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from shared.errors import PipelineError
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.record import Sums
from tests.simulation.faults import Faults
from tests.simulation.group import Group
from tests.simulation.reader import Reader
from tests.simulation.replica import merge
from tests.simulation.replica_sets import TROUBLE, ReplicaSets
from tests.simulation.schedule import FindingError, Schedule, numbers
from tests.simulation.topic import Topic
from tests.simulation.topic_partition import TopicPartition
from tests.simulation.updates import name_of
from tests.simulation.worker import THRESHOLD, Worker

DOMAINS = [DomainName(name) for name in ("a.example", "b.example", "c.example", "d.example")]
FAULTS_SECONDS = 18.0
HEALED_WITHIN_SECONDS = 60.0
"""Enough for a drain, two rebalances, the start of reading and two commits."""
TIMES_RIGHT = 2
_STEP_SECONDS = 5.0
_KEYS = "rstuv"
_PAUSES_MS = (500, 2_000, 60_000, 240_000, 420_000, -240_000, -700_000)
"""Pauses between events, by the clock of the partition, which is set back at times; keys are
remembered for ten minutes."""


class Kind(StrEnum):
    """What a run checks."""

    SAFETY = "safety"
    """Nothing wrong is ever shown or committed, whatever happens."""
    LIVENESS = "liveness"
    """Nor then, and once the faults end everything is right and committed in time."""


def kind_of(seed: int) -> Kind:
    """Return the kind of the run of *seed*: they alternate."""
    return Kind.LIVENESS if seed % 4 == 0 else Kind.SAFETY


@dataclass(frozen=True, slots=True)
class Parts:
    """The classes of a world; a mutant replaces some of them."""

    worker: type[Worker] = Worker
    reader: type[Reader] = Reader


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run; ``finding`` is empty if nothing is wrong."""

    seed: int
    kind: Kind
    finding: str
    injected: dict[str, int]
    history: list[str] = field(default_factory=list)


class World:
    """Partitions, a group, workers, a store, a reader, and faults in all of them."""

    def __init__(self, seed: int, parts: Parts, *, recording: bool = False) -> None:
        self.kind = kind_of(seed)
        self.schedule = schedule = Schedule(seed, recording=recording)
        trouble = schedule.random.choice(TROUBLE)
        self.domains = DOMAINS[: schedule.random.randint(2, 4)]
        self.topic_partitions = [
            TopicPartition(f"events/{i}", self.domains)
            for i in range(schedule.random.randint(1, 2))
        ]
        self.stores = ReplicaSets(schedule, trouble)
        self.topic = Topic(schedule, self.topic_partitions, trouble, THRESHOLD)
        self.group = Group(schedule, self.topic_partitions, trouble, self.check_commit)
        self.reader = parts.reader(schedule, self.stores, self.topic_partitions, self.domains)
        for store in self.stores.sets:
            store.on_suspect = self.reader.check
        self.running: list[Worker] = []
        self._worker_class = parts.worker
        self._started = 0
        for _ in range(schedule.random.randint(2, 3)):
            self.start_worker()
        self.faults = Faults(schedule, self.stores, self.group, self)

    def start_worker(self) -> None:
        """Start a worker process, which joins the group."""
        self._started += 1
        worker = self._worker_class(
            self._started, self.schedule, self.stores, self.group, self.topic
        )
        self.running = [w for w in self.running if w.alive]
        self.running.append(worker)
        worker.after(self.schedule.between(0.0, 0.3), worker.join)

    # ---- a run

    def run(self) -> None:
        """Let the run happen. Raises FindingError."""
        schedule = self.schedule
        for _ in range(schedule.random.randint(6, 12)):
            schedule.after(schedule.between(0.0, FAULTS_SECONDS), self._append)
        self.faults.plan(schedule.random.randint(2, 8), FAULTS_SECONDS)
        self.reader.start()
        schedule.run(FAULTS_SECONDS)
        if self.kind is Kind.LIVENESS:
            self._heal()
        for domain in self.domains:
            self.reader.read(domain)

    def _append(self) -> None:
        """Append some events to one partition, perhaps not the domain's usual one."""
        chance = self.schedule.chance
        partition = self.topic_partitions[int(chance() * len(self.topic_partitions))]
        partition.timestamp_ms += _PAUSES_MS[int(chance() * len(_PAUSES_MS))]
        for _ in range(1 + int(chance() * 5)):
            partition.timestamp_ms += -20 if chance() < 0.2 else 5
            if chance() < 0.04:
                self.schedule.inject("undecodable record")
                partition.append(None)
                continue
            kind = EventKind.BOUNCED if chance() < 0.25 else EventKind.DELIVERED
            if chance() < 0.12:
                self.schedule.inject("record of many domains")
                partition.append(self._sums(kind))
                continue
            domain = self.domains[int(chance() * len(self.domains))]
            key = _KEYS[int(chance() * len(_KEYS))] if chance() < 0.4 else None
            partition.append(Event(domain, kind, 1 + int(chance() * 3), key))
        if self.schedule.recording:
            self.schedule.record("senders", f"{partition.name} ends at {len(partition.records)}")

    def _sums(self, kind: EventKind) -> Sums:
        """Return the content of a record of two or more domains."""
        random = self.schedule.random
        domains = random.sample(self.domains, random.randint(2, len(self.domains)))
        counts = [random.randint(1, 3) for _ in domains]
        return Sums(kind, [domain.encode() for domain in domains], counts)

    def check_commit(self, number: int, offset: int) -> None:
        """Raise FindingError if a commit up to *offset* passes uncounted or unpublished events."""
        partition = self.topic_partitions[number]
        for domain in self.domains:
            applied = self.stores.applied_offset(partition.name, domain)
            if applied < offset and partition.truth(domain, applied) != partition.truth(
                domain, offset
            ):
                raise FindingError(
                    f"{domain}: {partition.name} is committed at {offset}, counted up to {applied}"
                )
            self.topic.check(partition, domain, offset)

    # ---- liveness

    def _heal(self) -> None:
        """End the faults: everything must become right, committed and settled in time."""
        schedule = self.schedule
        if schedule.recording:
            schedule.record("world", "no more faults")
        self.group.trouble = self.topic.trouble = 0.0
        for store in self.stores.sets:
            store.trouble = 0.0
        self.faults.end()
        if not any(worker.alive for worker in self.running):
            self.start_worker()
        if len(self.stores.sets) > 1:
            self._serve_without_one_set()
        self._wait_until_right(self._missing)

    def _serve_without_one_set(self) -> None:
        """Take the quorum of one set away: the buckets of the others must be counted in time."""
        schedule = self.schedule
        without = self.stores.sets[int(schedule.chance() * len(self.stores.sets))]
        away = without.lose_quorum()
        domains = [d for d in self.domains if self.stores.of_domain(d) is not without]
        self._wait_until_right(lambda: self._uncounted(domains))
        for node in away:
            without.restart(node)

    def _wait_until_right(self, missing_now: Callable[[], str | None]) -> None:
        schedule = self.schedule
        end = schedule.now + HEALED_WITHIN_SECONDS
        # A stale worker may not have noticed yet, so being right once is not enough.
        times_right = 0
        while times_right < TIMES_RIGHT:
            missing = missing_now()
            times_right = 0 if missing else times_right + 1
            if missing and schedule.now >= end:
                raise FindingError(f"not right {HEALED_WITHIN_SECONDS:.0f} s later: {missing}")
            schedule.run(schedule.now + _STEP_SECONDS)

    def _missing(self) -> str | None:
        for number, partition in enumerate(self.topic_partitions):
            end = len(partition.records)
            if self.group.committed(number) != end:
                return f"{partition.name} is committed at {self.group.committed(number)} of {end}"
            owners = [w for w in self.running if w.alive and number in w.partitions]
            if len(owners) != 1 or not owners[0].partitions[number].ledger.settled:
                return f"{partition.name} is not settled by {[w.name for w in owners]}"
            if self.group.rebalancing or owners[0] not in self.group.members:
                return f"{partition.name} has no stable owner"
        return self._uncounted(self.domains)

    def _uncounted(self, domains: Sequence[DomainName]) -> str | None:
        for partition in self.topic_partitions:
            end = len(partition.records)
            for domain in domains:
                applied = self.stores.applied_offset(partition.name, domain)
                if partition.truth(domain, applied) != partition.truth(domain, end):
                    return f"{partition.name} {domain} is counted up to {applied} of {end}"
        return None

    # ---- the report of a finding

    def ending(self) -> Iterator[str]:
        """Yield each replica's rows and the truth."""
        for partition in self.topic_partitions:
            for domain in self.domains:
                key = (partition.name, domain)
                yield f"{partition.name} {domain}: true at the end {partition.sums[domain][-1]}"
                for replica in self.stores.of_domain(domain).replicas:
                    for row in merge([replica], key, repair=False):
                        true = partition.sums[domain][
                            max(min(row.applied_offset, len(partition.records)), 0)
                        ]
                        stored = numbers((row.delivered, row.bounced, row.applied_offset))
                        shards = replica.rows[key][row.writer].shards
                        yield (
                            f"    {replica.name} {name_of(row.writer)}: {stored}, "
                            f"true {numbers(true)}, shards {shards}"
                        )


@contextmanager
def _defects_are_findings() -> Iterator[None]:
    """Turn an exception of the consumer's code into a finding."""
    try:
        yield
    except FindingError:
        raise
    except (PipelineError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise FindingError(f"raised: {error!r}\n{traceback.format_exc()}") from error


def run(seed: int, parts: Parts, *, recording: bool = False) -> Result:
    """Run the world of *seed*; the same seed and parts give the same result."""
    world = World(seed, parts, recording=recording)
    finding = ""
    try:
        with _defects_are_findings():
            world.run()
    except FindingError as error:
        finding = str(error)
    injected = {name: world.schedule.injected[name] for name in sorted(world.schedule.injected)}
    history = [*world.schedule.history, *world.ending()] if recording else []
    return Result(seed, world.kind, finding, injected, history)
