"""The Cassandra nodes: wait until they are healthy, and read a clock."""

import asyncio
from contextlib import suppress
from datetime import UTC

from cassandra import ConsistencyLevel, DriverException
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.policies import ConstantReconnectionPolicy, RoundRobinPolicy

from deploy.processes.node import Node
from deploy.servers.cassandra import PORT
from tests.tools.chaos.system import KEYSPACE, System

_HEALTHY_SECONDS = 60.0
_ASK_EVERY_SECONDS = 1.0
_ANSWER_SECONDS = 3.0
_NOW = "SELECT current_timestamp() AS now FROM system.local"
_PROBE = "SELECT domain FROM domain_counters WHERE bucket = 0 AND domain = 'probe.invalid'"


class Stores:
    """The state of each Cassandra node as the others see it. Its client works in threads."""

    def __init__(self, system: System) -> None:
        self._hosts = [node.plan.endpoints[0].host for node in system.servers.cassandra]
        profile = ExecutionProfile(
            load_balancing_policy=RoundRobinPolicy(),
            consistency_level=ConsistencyLevel.ALL,
            request_timeout=_ANSWER_SECONDS,
        )
        self._cluster = Cluster(
            self._hosts,
            port=PORT,
            protocol_version=5,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            reconnection_policy=ConstantReconnectionPolicy(1.0, max_attempts=None),
            connect_timeout=_ANSWER_SECONDS,
            control_connection_timeout=_ANSWER_SECONDS,
        )
        self._session = self._cluster.connect(KEYSPACE)

    async def wait_healthy(self) -> bool:
        """Wait until every node reaches all replicas; False: not within the limit."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEALTHY_SECONDS):
                while not await asyncio.to_thread(self._is_healthy):
                    await asyncio.sleep(_ASK_EVERY_SECONDS)
                return True
        return False

    async def clock_of(self, node: Node) -> float | None:
        """Return the time of *node* in seconds since 1970; None without an answer."""
        return await asyncio.to_thread(self._read_clock, node.plan.endpoints[0].host)

    def close(self) -> None:
        """Close the connections."""
        self._cluster.shutdown()

    def _read_clock(self, address: str) -> float | None:
        known = {host.address: host for host in self._cluster.metadata.all_hosts()}
        try:
            (row,) = self._session.execute(_NOW, host=known[address])
        except (DriverException, NoHostAvailable, OSError, KeyError):
            return None
        return float(row.now.replace(tzinfo=UTC).timestamp())

    def _is_healthy(self) -> bool:
        known = {host.address: host for host in self._cluster.metadata.all_hosts()}
        try:
            for address in self._hosts:
                # All replicas must answer the coordinator: this proves that it sees them as up.
                self._session.execute(_PROBE, host=known[address])
        except (DriverException, NoHostAvailable, OSError, KeyError):
            return False
        return True
