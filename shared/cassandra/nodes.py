"""Notice that a node of Cassandra may have restarted, or joined or left the ring.

The driver's own word comes too late: on an idle session it told of a dead node 11 s after its
end. But its pool's connection is flagged closed within 0.1 s, and every node that comes back
or joins gets a new one. So we look at the connections themselves, a private matter of the
driver's, which tests/contract/cassandra/test_cassandra_restarts.py holds it to.
"""

from collections.abc import Mapping
from typing import Any

from cassandra.cluster import Session as DriverSession

_Connections = Mapping[Any, tuple[Any, bool]]


class NodeWatch:
    """The connections of a session, as they were when we last looked."""

    def __init__(self, driver: DriverSession) -> None:
        self._driver = driver
        self._seen = self._look()
        self._epoch = 0

    def epoch(self) -> int:
        """Return a number, another one than before if any node's connection is another."""
        found = self._look()
        if found != self._seen:
            self._seen = found
            self._epoch += 1
        return self._epoch

    def _look(self) -> _Connections:
        """Return each node's connection, which compares by identity, and whether it is alive."""
        pools = tuple(self._driver._pools.items())  # noqa: SLF001 no public way to a connection
        return {host: _state(pool._connection) for host, pool in pools}  # noqa: SLF001


def _state(connection: Any) -> tuple[Any, bool]:
    alive = connection is not None and not (connection.is_closed or connection.is_defunct)
    return connection, alive
