"""Updates sent through the Cassandra driver directly, with a given retry policy."""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from itertools import count

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, ResponseFuture
from cassandra.policies import RetryPolicy

from consumer.__main__ import WriterIds

FLOOD = 600
_ids = WriterIds()


class Flood:
    """Updates in flight on a separate session: one for each row, sent once."""

    def __init__(
        self, addresses: Sequence[tuple[str, int]], keyspace: str, policy: RetryPolicy
    ) -> None:
        profile = ExecutionProfile(
            retry_policy=policy,
            consistency_level=ConsistencyLevel.LOCAL_QUORUM,
            request_timeout=20,
        )
        self._cluster = Cluster(
            contact_points=addresses,
            port=addresses[0][1],
            protocol_version=5,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        )
        self._session = self._cluster.connect(keyspace, wait_for_all_pools=True)
        self._update = self._session.prepare(
            "UPDATE domain_counters SET delivered = delivered + 1"
            " WHERE bucket = 0 AND domain = ? AND log = 'flood' AND writer = ?"
        )
        self._read = self._session.prepare(
            "SELECT delivered FROM domain_counters"
            " WHERE bucket = 0 AND domain = ? AND log = 'flood' AND writer = ?"
        )
        self._numbers = count()
        self._sent: list[tuple[str, uuid.UUID]] = []

    def send(self) -> list[ResponseFuture]:
        """Start many updates and return their futures."""
        rows = [
            (f"f-{next(self._numbers)}.example", uuid.UUID(bytes=_ids.new())) for _ in range(FLOOD)
        ]
        self._sent += rows
        return [self._session.execute_async(self._update, row) for row in rows]

    def wait(self, futures: Sequence[ResponseFuture]) -> None:
        """Wait until each has succeeded or failed."""
        for future in futures:
            with suppress(Exception):  # the driver's errors have no common base
                future.result()

    def doubled(self) -> int:
        """Return how many rows count more than their one update."""
        found = (self._session.execute(self._read, row).one() for row in self._sent)
        return sum(row is not None and row.delivered > 1 for row in found)

    def close(self) -> None:
        """End the session."""
        self._cluster.shutdown()
