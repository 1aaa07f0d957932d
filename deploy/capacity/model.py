"""How much of everything a load takes. Pure: formulas over what was measured.

Each function says one formula. Where the bench measured a part together with others on the same
cores, all of those cores are counted as that part's: such a need is an upper bound, and says so.
"""

from dataclasses import dataclass
from math import ceil, exp

from deploy.capacity.figures import Coefficients
from ingest.config import IngestSettings

TARGET_LOAD = 0.6
"""The share of a core, and of a disk, that is planned to be used. The rest is for the hour after
a fault, when what was missed is caught up with, and for the half that does the work of all while
nodes are replaced."""
LEAST_NODES = 2
LEAST_SERVERS = 3
LEAST_PARTITIONS = 12
PARTITIONS_PER_WORKER = 2
"""So that the work can be dealt out evenly, and the workers doubled without new partitions."""
FEW_ACTIVE = 1_000
"""Up to so many domains at a time the figures of waves are near, beyond those of a wide mix."""
WRITES_OF_A_LIFE = 3
"""A domain that comes, gets its events and goes is written at once when it comes, and when its
status changes, which it does twice at most. All else waits for the next lazy write."""
WORKER_BYTES = 4 * 1024**3
"""Planned per worker process; beyond, there are more of them."""
IN_HAND_BYTES = int(IngestSettings.model_fields["max_in_flight_bytes"].default)
"""What an ingest node takes by default before it refuses."""
COPIES_ON_DISK = 2
"""Of Cassandra's files: what is compacted is there twice for a while, and so is a snapshot."""
_DAY_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked of the system.

    ``domains`` is how many there are in all; ``active`` how many share the traffic at a time
    (all of them: uniform traffic), each for ``events_per_life`` events (0: for ever).
    """

    rate: float
    domains: int
    lazy_seconds: float = 1.0
    replication: int = 3
    put_share: float = 0.0
    gets: float = 0.0
    active: int = 0
    events_per_life: float = 0.0
    retention_days: float = 7.0
    server_cores: int = 8
    """Of a machine that runs Kafka or Cassandra."""

    @property
    def sharing(self) -> int:
        """The domains that share the traffic at a time."""
        return min(self.active or self.domains, self.domains)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a load takes. ``cores`` are busy ones; nodes are chosen for TARGET_LOAD."""

    rows_per_second: float
    ingest_cores: float
    ingest_processes: int
    worker_cores: float
    worker_processes: int
    ingest_bytes: float
    """Of memory, in each process: idle, and as much in hand as it takes by default."""
    worker_bytes: float
    """Of memory, in each process: idle, and its share of the domains."""
    query_bytes: float
    """Of memory, in each process: idle. What its cache adds is not measured."""
    known_per_partition: int
    """What CONSUMER_MAX_KNOWN_DOMAINS must be for that."""
    backlog_per_partition: int
    """What CONSUMER_MAX_BACKLOG must be above: domains that wait until they are due count."""
    warm_up_seconds: float
    """After a rebalance, until every domain has been read again, if all of them come."""
    query_cores: float
    query_processes: int
    partitions: int
    kafka_cores: float
    kafka_brokers: int
    kafka_in_bytes_per_second: float
    kafka_replication_bytes_per_second: float
    kafka_disk_bytes: float
    """Of all brokers, for the whole retention."""
    cassandra_cores: float
    cassandra_nodes: int
    cassandra_replica_writes_per_second: float
    cassandra_disk_bytes: float
    """Of all nodes."""

    @property
    def total_cores(self) -> float:
        """All that is busy."""
        ours = self.ingest_cores + self.worker_cores + self.query_cores
        return ours + self.kafka_cores + self.cassandra_cores

    @property
    def largest(self) -> str:
        """What takes the most cores, so what is short of them first."""
        cores = {
            "ingest": self.ingest_cores,
            "workers": self.worker_cores,
            "query": self.query_cores,
            "Kafka": self.kafka_cores,
            "Cassandra": self.cassandra_cores,
        }
        return max(cores, key=lambda name: cores[name])


def rows_per_second(load: Load) -> float:
    """Counter rows that are written a second.

    A domain with *r* events a second is written at once when it was quiet for the lazy time *S*,
    else as soon as that is over. So two writes are ``S + exp(-r*S) / r`` apart: S, and if no
    event waits by then, until the next one comes. Little traffic: a row for each event. Much: a
    row per domain and S; D * (1 - exp(-R*S/D)) different domains are met in S seconds by
    uniform traffic. Lives that end add WRITES_OF_A_LIFE each. Never more than events.
    """
    if load.rate <= 0:
        return 0.0
    each = load.rate / load.sharing
    kept = load.sharing / (load.lazy_seconds + exp(-each * load.lazy_seconds) / each)
    lives = load.rate / load.events_per_life if load.events_per_life else 0.0
    return min(load.rate, kept + lives * WRITES_OF_A_LIFE)


def touched_domains(load: Load) -> float:
    """Different domains that uniform traffic meets in the lazy time: D * (1 - exp(-R*S/D))."""
    return load.sharing * (1 - exp(-load.rate * load.lazy_seconds / load.sharing))


def ingest_cores(load: Load, measured: Coefficients) -> float:
    """Events by PUT times the CPU of one, and events by bulk over those of a CPU second."""
    put, bulk = _split(load)
    return put * measured.put_us / 1e6 + bulk / _few_or_many(
        load, measured.bulk_few_per_cpu_second, measured.bulk_many_per_cpu_second
    )


def worker_cores(load: Load, measured: Coefficients) -> float:
    """Events times the CPU of one, and rows times that of one.

    Every domain is known to its worker, as CONSUMER_MAX_KNOWN_DOMAINS is set for it; but each
    life that begins is met for the first time.
    """
    rows = rows_per_second(load)
    first = min(rows, load.rate / load.events_per_life) if load.events_per_life else 0.0
    row_us = (rows - first) * measured.row_us + first * measured.first_us
    return (load.rate * measured.event_us + row_us) / 1e6


def kafka_cores(load: Load, measured: Coefficients) -> float:
    """Seconds of the whole machine per event, less the node's own, for each replica.

    An upper bound: the client was on those cores too.
    """
    put, bulk = _split(load)
    per_second = _few_or_many(load, measured.bulk_few_per_second, measured.bulk_many_per_second)
    per_cpu_second = _few_or_many(
        load, measured.bulk_few_per_cpu_second, measured.bulk_many_per_cpu_second
    )
    bulk_seconds = _others(measured.cores / per_second, 1 / per_cpu_second)
    put_seconds = _others(measured.cores / measured.put_per_second, measured.put_us / 1e6)
    return (put * put_seconds + bulk * bulk_seconds) * load.replication


def cassandra_cores(load: Load, measured: Coefficients) -> float:
    """Rows times seconds of the whole machine per row, for each replica: an upper bound."""
    return rows_per_second(load) * load.replication * measured.cores / measured.rows_per_second


def query_cores(load: Load, measured: Coefficients) -> float:
    """All GETs cold, with Cassandra on the same cores: an upper bound."""
    return load.gets * measured.cores / measured.get_cold_per_second


def log_bytes(load: Load, measured: Coefficients) -> float:
    """Bytes a second that one replica of the log grows by."""
    put, bulk = _split(load)
    return put * measured.log_put_bytes + bulk * _few_or_many(
        load, measured.log_few_bytes, measured.log_many_bytes
    )


def need(load: Load, measured: Coefficients) -> Need:
    """Return what *load* takes."""
    grows = log_bytes(load, measured)
    working = worker_cores(load, measured)
    memory = load.domains * measured.domain_bytes
    workers = max(LEAST_NODES, _planned(working), ceil(memory / WORKER_BYTES))
    partitions = max(LEAST_PARTITIONS, workers * PARTITIONS_PER_WORKER)
    rows = rows_per_second(load)
    kafka = kafka_cores(load, measured)
    cassandra = cassandra_cores(load, measured)
    query = query_cores(load, measured)
    ingest = ingest_cores(load, measured)
    return Need(
        rows_per_second=rows,
        ingest_cores=ingest,
        ingest_processes=max(LEAST_NODES, _planned(ingest)),
        worker_cores=working,
        worker_processes=workers,
        ingest_bytes=measured.ingest_bytes + IN_HAND_BYTES,
        worker_bytes=measured.worker_bytes + memory / workers,
        query_bytes=measured.query_bytes,
        known_per_partition=ceil(load.domains / partitions),
        backlog_per_partition=ceil(touched_domains(load) / partitions),
        warm_up_seconds=load.domains * measured.first_us / 1e6 / workers,
        query_cores=query,
        query_processes=max(LEAST_NODES, _planned(query)),
        partitions=partitions,
        kafka_cores=kafka,
        kafka_brokers=_servers(load, kafka),
        kafka_in_bytes_per_second=grows,
        kafka_replication_bytes_per_second=grows * (load.replication - 1),
        kafka_disk_bytes=grows
        * load.replication
        * load.retention_days
        * _DAY_SECONDS
        / TARGET_LOAD,
        cassandra_cores=cassandra,
        cassandra_nodes=_servers(load, cassandra),
        cassandra_replica_writes_per_second=rows * (load.replication - 1),
        cassandra_disk_bytes=load.domains
        * measured.row_bytes
        * load.replication
        * COPIES_ON_DISK
        / TARGET_LOAD,
    )


def _split(load: Load) -> tuple[float, float]:
    put = load.rate * load.put_share
    return put, load.rate - put


def _few_or_many(load: Load, few: float, many: float) -> float:
    return few if load.sharing <= FEW_ACTIVE else many


def _others(all_seconds: float, own_seconds: float) -> float:
    return max(0.0, all_seconds - own_seconds)


def _servers(load: Load, cores: float) -> int:
    least = max(LEAST_SERVERS, load.replication)
    return max(least, ceil(cores / TARGET_LOAD / load.server_cores))


def _planned(cores: float) -> int:
    return ceil(cores / TARGET_LOAD)
