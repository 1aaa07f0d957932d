"""Check whether a topic can be written to, over connections that no producer uses."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from shared.config import KafkaConfig
from shared.errors import BrokerUnavailableError
from shared.kafka.client import client_arguments

_MIN_ISR = "min.insync.replicas"
_MIN_REQUEST_SECONDS = 1.0
_REQUESTS = 4
"""Per attempt at most: three brokers may be tried for the metadata, and one gets the rest."""
_ATTEMPTS = 2
"""The second attempt uses a new client."""
_CLOSE_SECONDS = 1.0


class TopicHealth:
    """Checks that every partition of a topic has a leader and enough replicas in sync.

    A failure replaces its client: the metadata of the old one may be what is wrong.
    """

    def __init__(self, config: KafkaConfig, name: str, partitions: int) -> None:
        self._config = config
        self._name = name
        self.partitions = partitions
        self._client: AIOKafkaAdminClient | None = None
        self._lock = asyncio.Lock()

    async def check(self) -> None:
        """Return if the topic can be written to. Raises BrokerUnavailableError with the reason."""
        async with self._lock:
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    problem = await self._find_problem()
                except (KafkaError, TimeoutError, OSError) as error:
                    await self._drop_client()
                    if attempt == _ATTEMPTS:
                        raise BrokerUnavailableError(
                            f"no answer: {type(error).__name__}"
                        ) from error
                except BaseException:
                    await self._drop_client()
                    raise
                else:
                    if problem:
                        raise BrokerUnavailableError(problem)
                    return

    async def close(self) -> None:
        """Close the connections, if there are any."""
        async with self._lock:
            await self._drop_client()

    async def _find_problem(self) -> str:
        """Return what is wrong with the topic, "" if nothing is."""
        seconds = max(_MIN_REQUEST_SECONDS, self._config.request_timeout_seconds / _REQUESTS)
        async with asyncio.timeout(seconds * _REQUESTS):
            if self._client is None:
                self._client = AIOKafkaAdminClient(
                    **client_arguments(self._config),
                    request_timeout_ms=int(seconds * 1000),
                )
                await self._client.start()
            (topic,) = await self._client.describe_topics([self._name])
            wanted = ConfigResource(ConfigResourceType.TOPIC, self._name, {_MIN_ISR: None})
            (configs,) = await self._client.describe_configs([wanted])
        if topic["error_code"]:
            return f"the topic {self._name!r} does not exist"
        enough = _min_insync_replicas(configs.to_object())
        found = {partition["partition"]: partition for partition in topic["partitions"]}
        for number in range(self.partitions):
            partition = found.get(number)
            if partition is None:
                return f"partition {number} does not exist"
            if partition["leader"] == -1:
                return f"partition {number} has no leader"
            # A topic with fewer replicas than that needs all of them in sync.
            if len(partition["isr"]) < min(enough, len(partition["replicas"])):
                return f"partition {number} has too few replicas in sync"
        return ""

    async def _drop_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            try:
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await client.close()
            except (KafkaError, TimeoutError, OSError):
                pass  # its connections are gone either way


def _min_insync_replicas(answer: dict[str, list[dict[str, object]]]) -> int:
    """Return the topic's setting; 1 where we have no right to read it."""
    for resource in answer["resources"]:
        entries = resource["config_entries"]
        if isinstance(entries, list):
            for entry in entries:
                if entry["config_names"] == _MIN_ISR and entry["config_value"]:
                    return int(entry["config_value"])
    return 1
