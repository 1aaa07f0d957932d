"""Read each domain's rows once with the driver alone.

``python -m ... CONTACT_POINTS KEYSPACE DOMAINS IN_FLIGHT``; prints reads, seconds and CPU.
"""

import os
import sys
import threading
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.io.libevreactor import LibevConnection

from shared.config import parse_addresses
from shared.model.partitioning import DEFAULT_BUCKETS, bucket_of
from tests.tools.bench.client.requests import stored_names
from tests.tools.bench.measurement.cpu import cpu_seconds
from tests.tools.bench.measurement.result import WorkResult, print_result

READ = (
    "SELECT log, writer, delivered, bounced, applied_offset"
    " FROM {keyspace}.domain_counters WHERE bucket = ? AND domain = ?"
)


class Reads:
    """A fixed number of reads in flight: each answer sends the next, on the driver's thread."""

    def __init__(self, session: Any, statement: Any, names: Iterator[str]) -> None:
        self._session = session
        self._statement = statement
        self._names = names
        self._lock = threading.Lock()
        self._in_flight = 0
        self.ended = threading.Event()
        self.done = 0
        self.error: BaseException | None = None

    def send(self) -> None:
        """Send the next read, if any."""
        with self._lock:
            name = None if self.error else next(self._names, None)
            if name is None:
                if not self._in_flight:
                    self.ended.set()
                return
            self._in_flight += 1
        future = self._session.execute_async(
            self._statement.bind((bucket_of(name, DEFAULT_BUCKETS), name))
        )
        future.add_callbacks(self._answered, self._failed)

    def _answered(self, _: object) -> None:
        with self._lock:
            self._in_flight -= 1
            self.done += 1
        self.send()

    def _failed(self, error: BaseException) -> None:
        with self._lock:
            self._in_flight -= 1
            self.error = error
        self.send()


def read_all(contact_points: str, keyspace: str, domains: int, in_flight: int) -> WorkResult:
    """Read every domain once and return the result."""
    addresses = parse_addresses(contact_points, 9042)
    cluster = Cluster(
        contact_points=addresses,
        port=addresses[0][1],
        execution_profiles={
            EXEC_PROFILE_DEFAULT: ExecutionProfile(consistency_level=ConsistencyLevel.LOCAL_QUORUM)
        },
        protocol_version=5,
        connection_class=LibevConnection,
    )
    session = cluster.connect()
    reads = Reads(
        session, session.prepare(READ.format(keyspace=keyspace)), iter(stored_names(domains))
    )
    cpu, began = cpu_seconds(os.getpid()), perf_counter()
    for _ in range(in_flight):
        reads.send()
    reads.ended.wait()
    result = WorkResult(
        done=reads.done,
        seconds=perf_counter() - began,
        cpu_seconds=cpu_seconds(os.getpid()) - cpu,
    )
    cluster.shutdown()
    if reads.error is not None:
        raise reads.error
    return result


if __name__ == "__main__":
    points, space, number, at_a_time = sys.argv[1:]
    found = read_all(points, space, int(number), int(at_a_time))
    print_result(found)
