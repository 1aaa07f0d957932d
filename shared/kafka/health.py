"""Ask Kafka whether a topic can be written to, over connections that no producer uses."""

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
"""Of one attempt at most: three brokers are asked who is there, and one of them the rest."""
_ATTEMPTS = 2
"""The second one with a client that knows nothing."""
_CLOSE_SECONDS = 1.0


class TopicHealth:
    """Whether every partition of a topic has a leader and enough replicas in sync.

    Its client is made anew after each failure: what an old one believes of the cluster may be
    the very thing that is wrong.
    """

    def __init__(self, config: KafkaConfig, name: str, partitions: int) -> None:
        self._config = config
        self._name = name
        self.partitions = partitions
        self._client: AIOKafkaAdminClient | None = None
        self._lock = asyncio.Lock()

    async def check(self) -> None:
        """Return if the topic can be written to; else raise BrokerUnavailableError with why."""
        async with self._lock:
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    problem = await self._ask()
                except (KafkaError, TimeoutError, OSError) as error:
                    await self._drop()
                    if attempt == _ATTEMPTS:
                        raise BrokerUnavailableError(
                            f"no answer: {type(error).__name__}"
                        ) from error
                except BaseException:
                    await self._drop()
                    raise
                else:
                    if problem:
                        raise BrokerUnavailableError(problem)
                    return

    async def close(self) -> None:
        """Close the connections, if there are any."""
        async with self._lock:
            await self._drop()

    async def _ask(self) -> str:
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
            return f"the topic {self._name!r} is not there"
        enough = _min_insync_replicas(configs.to_object())
        found = {partition["partition"]: partition for partition in topic["partitions"]}
        for number in range(self.partitions):
            partition = found.get(number)
            if partition is None:
                return f"partition {number} is not there"
            if partition["leader"] == -1:
                return f"partition {number} has no leader"
            # Of a topic with fewer replicas than that Kafka asks for all it has.
            if len(partition["isr"]) < min(enough, len(partition["replicas"])):
                return f"partition {number} has too few replicas in sync"
        return ""

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            try:
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await client.close()
            except (KafkaError, TimeoutError, OSError):
                pass  # it is gone either way


def _min_insync_replicas(answer: dict[str, list[dict[str, object]]]) -> int:
    """Return what the topic asks for; 1 where we may not know."""
    for resource in answer["resources"]:
        entries = resource["config_entries"]
        if isinstance(entries, list):
            for entry in entries:
                if entry["config_names"] == _MIN_ISR and entry["config_value"]:
                    return int(entry["config_value"])
    return 1
