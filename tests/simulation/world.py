"""The simulated world: partitions, a group, workers, a store, and a reader."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.record import Sums
from tests.simulation.cassandra.replica import merge
from tests.simulation.cassandra.replica_sets import ReplicaSets
from tests.simulation.cassandra.updates import name_of
from tests.simulation.faults import Faults
from tests.simulation.kafka.group import Group
from tests.simulation.kafka.topic import Topic
from tests.simulation.kafka.topic_partition import TopicPartition
from tests.simulation.reader import Reader
from tests.simulation.schedule import FindingError, Schedule, numbers
from tests.simulation.workers.worker import THRESHOLD, Worker

DOMAINS = [DomainName(name) for name in ("a.example", "b.example", "c.example", "d.example")]
_KEYS = "rstuv"
_PAUSES_MS = (500, 2_000, 60_000, 240_000, 420_000, -240_000, -700_000)
"""Pauses between events, by the clock of the partition, which is set back at times; keys are
remembered for ten minutes."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The classes of a world; a mutant replaces some of them."""

    worker: type[Worker] = Worker
    reader: type[Reader] = Reader


class World:
    """Partitions, a group, workers, a store, a reader, and faults in all of them."""

    def __init__(self, schedule: Schedule, trouble: float, parts: Parts) -> None:
        self.schedule = schedule
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

    # ---- records

    def append(self) -> None:
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
