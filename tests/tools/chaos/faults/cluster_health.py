"""Find the leader of a partition, and wait until the servers are healthy again."""

import asyncio
from contextlib import suppress
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from cassandra import ConsistencyLevel, DriverException
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.policies import ConstantReconnectionPolicy, RoundRobinPolicy

from deploy.servers.cassandra import PORT
from tests.tools.chaos.options import PARTITIONS, SERVERS
from tests.tools.chaos.system import GROUP, KEYSPACE, TOPIC, System

WHOLE_LIMIT_SECONDS = 60.0
_ASK_EVERY_SECONDS = 1.0
_ANSWER_SECONDS = 3.0
_PROBE = "SELECT domain FROM domain_counters WHERE bucket = 0 AND domain = 'probe.invalid'"


class Brokers:
    """The partitions as the brokers report them."""

    def __init__(self, system: System) -> None:
        self._bootstrap = system.servers.bootstrap_servers
        self._admin: AIOKafkaAdminClient | None = None

    async def leader_of(self, partition: int) -> int | None:
        """Return the number of the broker that leads *partition*; None without an answer."""
        for found in await self._partitions():
            if found["partition"] == partition and found["leader"] > 0:
                return int(found["leader"])
        return None

    async def coordinator(self) -> int | None:
        """Return the number of the broker that coordinates the workers' group."""
        try:
            async with asyncio.timeout(2 * _ANSWER_SECONDS):
                admin = await self._connected()
                return int(await admin.find_coordinator(GROUP))
        except (KafkaError, TimeoutError, OSError):
            await self.close()
            return None

    async def wait_healthy(self) -> bool:
        """Wait until every replica of every partition is in sync; False: not within the limit."""
        with suppress(TimeoutError):
            async with asyncio.timeout(WHOLE_LIMIT_SECONDS):
                while not _all_in_sync(await self._partitions()):
                    await asyncio.sleep(_ASK_EVERY_SECONDS)
                return True
        return False

    async def close(self) -> None:
        """Close the connections."""
        admin, self._admin = self._admin, None
        if admin is not None:
            with suppress(KafkaError, TimeoutError, OSError):
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await admin.close()

    async def _partitions(self) -> list[dict[str, Any]]:
        try:
            async with asyncio.timeout(2 * _ANSWER_SECONDS):
                admin = await self._connected()
                found = await admin.describe_topics([TOPIC])
        except (KafkaError, TimeoutError, OSError):
            await self.close()
            return []
        partitions: list[dict[str, Any]] = found[0]["partitions"]
        return partitions

    async def _connected(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            self._admin = AIOKafkaAdminClient(
                bootstrap_servers=self._bootstrap,
                request_timeout_ms=int(_ANSWER_SECONDS * 1000),
            )
            await self._admin.start()
        return self._admin


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
            async with asyncio.timeout(WHOLE_LIMIT_SECONDS):
                while not await asyncio.to_thread(self._is_healthy):
                    await asyncio.sleep(_ASK_EVERY_SECONDS)
                return True
        return False

    def close(self) -> None:
        """Close the connections."""
        self._cluster.shutdown()

    def _is_healthy(self) -> bool:
        known = {host.address: host for host in self._cluster.metadata.all_hosts()}
        try:
            for address in self._hosts:
                # All replicas must answer the coordinator: this proves that it sees them as up.
                self._session.execute(_PROBE, host=known[address])
        except (DriverException, NoHostAvailable, OSError, KeyError):
            return False
        return True


def _all_in_sync(partitions: list[dict[str, Any]]) -> bool:
    return len(partitions) == PARTITIONS and all(
        found["leader"] > 0 and len(found["isr"]) == SERVERS for found in partitions
    )
