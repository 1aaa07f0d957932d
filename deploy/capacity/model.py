"""What a load needs, as formulas over measured costs. Pure.

Each function is one formula. If the bench measured a part together with others on the same cores,
the formula counts all of these cores for that part. Such a need is an upper bound, and its
docstring states it.
"""

from dataclasses import dataclass
from math import ceil, exp

from deploy.capacity.figures import Coefficients
from deploy.capacity.load import Load
from ingest.config import IngestSettings

TARGET_LOAD = 0.6
"""The planned use of a core or a disk. The rest is for catching up after a fault, and for the nodes
that do all the work while others are replaced."""
LEAST_NODES = 2
LEAST_SERVERS = 3
LEAST_PARTITIONS = 12
PARTITIONS_PER_WORKER = 2
"""So that partitions are shared evenly, and workers can be doubled without new partitions."""
FEW_ACTIVE = 1_000
"""With up to this many active domains the figures of profile `waves` apply, beyond it those of a
wide mix."""
WRITES_OF_A_LIFE = 3
"""Rows that a domain adds in its life: one at each change of its status (at most two), and one for
the rest at its end. All other events wait for the next write of their bucket."""
ROWS_PER_WRITE = 256
"""As ``consumer.counter_store.MAX_ROWS``; a test compares them."""
WORKER_BYTES = 4 * 1024**3
"""Planned memory of a worker process; above it, plan more processes."""
KEY_BYTES = 30
"""Memory of an idempotency key in a worker; ``tests/unit/consumer/counting/test_key_table.py``."""
IN_FLIGHT_BYTES = int(IngestSettings.model_fields["max_in_flight_bytes"].default)
"""The default limit of bytes in flight in an ingest node."""
COPIES_ON_DISK = 2
"""Copies of Cassandra's files: compaction and snapshots hold a second one for a while."""
_DAY_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a load needs. ``..._cores`` are busy cores; nodes are planned for TARGET_LOAD."""

    rows_per_second: float
    writes_per_second: float
    ingest_cores: float
    ingest_processes: int
    worker_cores: float
    worker_processes: int
    ingest_bytes: float
    """Memory of each process: idle, plus the limit of bytes in flight."""
    worker_bytes: float
    """Memory of each process: idle, plus its share of the domains and keys."""
    query_bytes: float
    """Memory of each process when idle. The memory of its cache is not measured."""
    known_per_partition: int
    """The lowest sufficient CONSUMER_MAX_KNOWN_DOMAINS."""
    keys_per_partition: int
    """The lowest sufficient CONSUMER_MAX_IDEMPOTENCY_KEYS."""
    buckets: int
    """Buckets that workers read when all of them start, if every domain has traffic."""
    rows_per_bucket: int
    """Rows that each of these reads returns."""
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
        """All busy cores."""
        ours = self.ingest_cores + self.worker_cores + self.query_cores
        return ours + self.kafka_cores + self.cassandra_cores

    @property
    def largest(self) -> str:
        """The part that needs the most cores, and so runs out of them first."""
        cores = {
            "ingest": self.ingest_cores,
            "workers": self.worker_cores,
            "query": self.query_cores,
            "Kafka": self.kafka_cores,
            "Cassandra": self.cassandra_cores,
        }
        return max(cores, key=lambda name: cores[name])


def rows_per_second(load: Load) -> float:
    """Return the counter rows written per second.

    Let K buckets have n domains each and *r* events per second each, and S be the age. A bucket
    is written S after its last write, or at its next event if none waits by then: every
    ``S + exp(-r*S) / r`` on average. That write has a row for each domain with traffic in S,
    ``n * (1 - exp(-r*S/n))``, or for the one event. With little traffic that is a row per event;
    with much traffic it is a row per domain and S. Each domain whose life ends adds
    WRITES_OF_A_LIFE. There are never more rows than events.
    """
    if load.rate <= 0:
        return 0.0
    each = load.sharing / load.busy_buckets
    arrive = load.rate * load.age_seconds / load.busy_buckets
    rows = each * (1 - exp(-arrive / each)) + exp(-arrive)
    kept = _turns_per_second(load) * rows
    return min(load.rate, kept + _lives_per_second(load) * WRITES_OF_A_LIFE)


def writes_per_second(load: Load) -> float:
    """Return the writes: one per turn of a bucket, more if its rows exceed ROWS_PER_WRITE.

    A change of status is a write as well.
    """
    if load.rate <= 0:
        return 0.0
    rows = rows_per_second(load)
    turns = _turns_per_second(load) + _lives_per_second(load) * WRITES_OF_A_LIFE
    return min(rows, max(turns, rows / ROWS_PER_WRITE))


def _turns_per_second(load: Load) -> float:
    each = load.rate / load.busy_buckets
    return load.busy_buckets / (load.age_seconds + exp(-each * load.age_seconds) / each)


def _lives_per_second(load: Load) -> float:
    return load.rate / load.events_per_life if load.events_per_life else 0.0


def ingest_cores(load: Load, measured: Coefficients) -> float:
    """Return events by PUT times the CPU of one, plus bulk events over those per CPU second."""
    put, bulk = _split(load)
    return put * measured.put_us / 1e6 + bulk / _few_or_many(
        load, measured.bulk_few_per_cpu_second, measured.bulk_many_per_cpu_second
    )


def worker_cores(load: Load, measured: Coefficients) -> float:
    """Return events times the CPU of one, plus rows, plus writes times what a write adds.

    CONSUMER_MAX_KNOWN_DOMAINS is set so that workers keep every domain in memory. A new domain in
    a known bucket costs no read.
    """
    write_us = max(0.0, measured.single_us - measured.row_us)
    row_us = rows_per_second(load) * measured.row_us + writes_per_second(load) * write_us
    return (load.rate * measured.event_us + row_us) / 1e6


def kafka_cores(load: Load, measured: Coefficients) -> float:
    """Return core seconds of the whole machine per event, less the node's, times replicas.

    An upper bound: the client ran on the same cores.
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
    """Return rows and writes times core seconds of the whole machine, times replicas.

    An upper bound: the client ran on the same cores.
    """
    row = measured.cores / measured.rows_per_second
    write = max(0.0, measured.cores / measured.singles_per_second - row)
    seconds = rows_per_second(load) * row + writes_per_second(load) * write
    return seconds * load.replication


def query_cores(load: Load, measured: Coefficients) -> float:
    """Return the cores for GETs without a cache, Cassandra on the same cores: an upper bound."""
    return load.gets * measured.cores / measured.get_cold_per_second


def log_bytes(load: Load, measured: Coefficients) -> float:
    """Return the bytes per second that one replica of Kafka's log grows by."""
    put, bulk = _split(load)
    return put * measured.log_put_bytes + bulk * _few_or_many(
        load, measured.log_few_bytes, measured.log_many_bytes
    )


def need(load: Load, measured: Coefficients) -> Need:
    """Return what *load* needs."""
    grows = log_bytes(load, measured)
    working = worker_cores(load, measured)
    keys = ceil(load.rate * load.keyed_share * load.key_window_seconds)
    memory = load.domains * measured.domain_bytes + keys * KEY_BYTES
    workers = max(LEAST_NODES, _planned(working), ceil(memory / WORKER_BYTES))
    partitions = max(LEAST_PARTITIONS, workers * PARTITIONS_PER_WORKER)
    rows, writes = rows_per_second(load), writes_per_second(load)
    buckets = min(load.buckets, load.domains)
    kafka = kafka_cores(load, measured)
    cassandra = cassandra_cores(load, measured)
    query = query_cores(load, measured)
    ingest = ingest_cores(load, measured)
    return Need(
        rows_per_second=rows,
        writes_per_second=writes,
        ingest_cores=ingest,
        ingest_processes=max(LEAST_NODES, _planned(ingest)),
        worker_cores=working,
        worker_processes=workers,
        ingest_bytes=measured.ingest_bytes + IN_FLIGHT_BYTES,
        worker_bytes=measured.worker_bytes + memory / workers,
        query_bytes=measured.query_bytes,
        known_per_partition=ceil(load.domains / partitions),
        keys_per_partition=ceil(keys / partitions),
        buckets=buckets,
        rows_per_bucket=ceil(load.domains / buckets),
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
        cassandra_replica_writes_per_second=writes * (load.replication - 1),
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
