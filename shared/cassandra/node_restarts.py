"""Detect that a Cassandra node may have restarted, or joined or left the ring.

The driver's own notification comes too late: on an idle session it reported a dead node 11 s after
its end. But within 0.1 s the connection of its pool is flagged closed, and every node that comes
back or joins gets a new connection. So we compare the connections themselves. They are private to
the driver; tests/contract/cassandra/test_cassandra_restarts.py fails when a version changes them.
"""

from collections.abc import Mapping
from typing import Any

from cassandra.cluster import Session as DriverSession

_Connections = Mapping[Any, tuple[Any, bool]]


class RestartDetector:
    """Compares the connections of a session with those of the last call."""

    def __init__(self, driver: DriverSession) -> None:
        self._driver = driver
        self._last = self._connections()
        self._epoch = 0

    def epoch(self) -> int:
        """Return a number that changes whenever a node's connection has changed."""
        connections = self._connections()
        if connections != self._last:
            self._last = connections
            self._epoch += 1
        return self._epoch

    def _connections(self) -> _Connections:
        """Return each node's connection, which compares by identity, and whether it is alive."""
        pools = tuple(self._driver._pools.items())  # noqa: SLF001 there is no public way
        return {host: _state(pool._connection) for host, pool in pools}  # noqa: SLF001


def _state(connection: Any) -> tuple[Any, bool]:
    alive = connection is not None and not (connection.is_closed or connection.is_defunct)
    return connection, alive
