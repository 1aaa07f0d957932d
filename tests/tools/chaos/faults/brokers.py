"""The brokers: leaders, replicas and records of the topic of events, a clock, and health."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from deploy.processes.node import Node
from tests.tools.chaos.faults.reassignment import reassign
from tests.tools.chaos.options import PARTITIONS, SERVERS
from tests.tools.chaos.system import GROUP, TOPIC, System

_HEALTHY_SECONDS = 60.0
_ASK_EVERY_SECONDS = 1.0
_ANSWER_SECONDS = 3.0
_ALONE_SECONDS = 10.0


class Brokers:
    """The partitions as the brokers report them."""

    def __init__(self, system: System) -> None:
        self._bootstrap = system.servers.bootstrap_servers
        self._admin: AIOKafkaAdminClient | None = None
        self._numbers = {
            node.name: number for number, node in enumerate(system.servers.kafka, start=1)
        }
        self._to_restore: dict[int, list[int]] = {}
        """The replicas of the partitions that were left with one."""

    async def leader_of(self, partition: int) -> int | None:
        """Return the number of the broker that leads *partition*; None without an answer."""
        for found in await self._partitions():
            if found["partition"] == partition and found["leader"] > 0:
                return int(found["leader"])
        return None

    async def without_leader(self) -> set[int]:
        """Return the partitions without a leader; empty without an answer."""
        return {found["partition"] for found in await self._partitions() if found["leader"] < 0}

    async def leave_one_replica(self, broker: Node, preferred: int) -> int | None:
        """Make *broker* the only replica of a partition that it leads, *preferred* if it leads it.

        Return the partition; None if it leads none, or did not become the only one in time.
        """
        number = self._numbers[broker.name]
        led = {
            found["partition"]: list(found["replicas"])
            for found in await self._partitions()
            if found["leader"] == number
        }
        if not led:
            return None
        partition = preferred if preferred in led else next(iter(led))
        self._to_restore[partition] = led[partition]
        with suppress(TimeoutError):
            async with asyncio.timeout(_ALONE_SECONDS):
                await self._reassign({partition: [number]})
                while await self._replicas(partition) != [number]:
                    await asyncio.sleep(_ASK_EVERY_SECONDS / 4)
                return partition
        return None

    async def clock_of(self, broker: Node) -> float | None:
        """Return when *broker* appended the last record of a partition that it leads.

        In seconds since 1970; None without an answer.
        """
        number = self._numbers[broker.name]
        led = [
            TopicPartition(TOPIC, found["partition"])
            for found in await self._partitions()
            if found["leader"] == number
        ]
        if not led:
            return None
        try:
            async with (
                asyncio.timeout(2 * _ANSWER_SECONDS),
                AIOKafkaConsumer(bootstrap_servers=self._bootstrap) as consumer,
            ):
                ends = await consumer.end_offsets(led)
                at = max(ends, key=lambda each: ends[each])
                consumer.assign([at])
                consumer.seek(at, max(0, ends[at] - 1))
                return float((await consumer.getone()).timestamp) / 1000
        except (KafkaError, TimeoutError, OSError):
            return None

    async def purge(self) -> dict[int, int]:
        """Delete all records that the workers' group has counted, by its committed offsets.

        Return where each partition with a committed offset begins now. Raises KafkaError.
        """
        async with asyncio.timeout(_HEALTHY_SECONDS):
            admin = await self._connected()
            committed = await admin.list_consumer_group_offsets(GROUP)
            counted = {at: RecordsToDelete(found.offset) for at, found in committed.items()}
            starts = await admin.delete_records(counted)
        return {at.partition: start for at, start in starts.items()}

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
        """Wait until every partition has all its replicas in sync; False: not within the limit."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEALTHY_SECONDS):
                if self._to_restore:
                    await self._reassign(self._to_restore)
                    self._to_restore = {}
                while not _all_in_sync(await self._partitions()):
                    await asyncio.sleep(_ASK_EVERY_SECONDS)
                return True
        return False

    async def _reassign(self, replicas: Mapping[int, Sequence[int]]) -> None:
        """Change the replicas of partitions; repeat it until Kafka accepts it."""
        while True:
            try:
                async with asyncio.timeout(2 * _ANSWER_SECONDS):
                    admin = await self._connected()
                    await reassign(admin._client, TOPIC, replicas)
                    return
            except (KafkaError, TimeoutError, OSError):
                await self.close()
                await asyncio.sleep(_ASK_EVERY_SECONDS)

    async def _replicas(self, partition: int) -> list[int]:
        for found in await self._partitions():
            if found["partition"] == partition:
                return list(found["replicas"])
        return []

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


def _all_in_sync(partitions: list[dict[str, Any]]) -> bool:
    return len(partitions) == PARTITIONS and all(
        found["leader"] > 0 and len(found["isr"]) == SERVERS for found in partitions
    )
