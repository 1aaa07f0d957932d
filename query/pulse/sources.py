"""Read the state of others: processes through their management ports, Kafka through offsets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

import aiohttp
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from query.pulse.scrape import Scrape, parse_scrape
from shared.config import Address, KafkaConfig
from shared.errors import PipelineError
from shared.kafka.client import client_arguments
from shared.kafka.group_offsets import read_group_offsets
from shared.security.tls import client_context, trust_failure
from shared.telemetry.log_limit import limit_repeated_logs

TARGET_SECONDS = 1.0
KAFKA_SECONDS = 2.0
_CLOSE_SECONDS = 1.0
_MAX_BYTES = 4 * 1024 * 1024
_NOISY = ("aiokafka", "aiokafka.cluster", "aiokafka.conn", "aiokafka.consumer.group_coordinator")


class SourceError(Exception):
    """A source failed; the text is the reason, for people."""


@dataclass(frozen=True, slots=True)
class PartitionOffsets:
    """The end and the committed offset of one partition."""

    end: int
    committed: int | None
    """None if there is none. Workers commit late, so it is behind what they have counted."""


@dataclass(frozen=True, slots=True)
class TargetState:
    """The state of one process."""

    ready: bool
    scrape: Scrape


class Targets(Protocol):
    """Processes with a management port."""

    async def scrape(self, address: Address, name: str) -> TargetState:
        """Return the state of the process at *address*. Raises SourceError, in bounded time.

        *name* is the host name that was resolved: the name in the process's certificate.
        """

    async def read_document(self, address: Address, name: str) -> bytes:
        """Return the API document of that process, a JSON object.

        Raises SourceError, in bounded time.
        """


class EventTopic(Protocol):
    """The topic of events."""

    async def read_offsets(self) -> dict[int, PartitionOffsets]:
        """Return the offsets by partition. Raises SourceError, in bounded time."""


async def resolve_host(host: str) -> list[str]:
    """Return the addresses of *host*, in bounded time; an empty list if it has none.

    Of one address family only: a process with IPv4 and IPv6 addresses is one process.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(TARGET_SECONDS):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):  # the last for text that cannot be a name
        return []
    families = {family for family, *_ in found}
    chosen = socket.AF_INET if socket.AF_INET in families else socket.AF_INET6
    return sorted({str(address[0]) for family, *_, address in found if family == chosen})


class ManagementPorts:
    """The management ports of the processes, over HTTP."""

    def __init__(self, http: aiohttp.ClientSession, scheme: str = "http") -> None:
        self._http = http
        self._scheme = scheme

    async def scrape(self, address: Address, name: str) -> TargetState:
        """See Targets."""
        (ready, _), (status, body) = await self._get(address, name, "/readyz", "/metrics")
        if status != HTTPStatus.OK:
            raise SourceError(f"/metrics answers {status}")
        try:
            return TargetState(ready == HTTPStatus.OK, parse_scrape(body.decode()))
        except (ValueError, KeyError) as error:
            raise SourceError("/metrics is not in Prometheus' text format") from error

    async def read_document(self, address: Address, name: str) -> bytes:
        """See Targets."""
        ((status, body),) = await self._get(address, name, "/openapi.json")
        if status != HTTPStatus.OK:
            raise SourceError(f"/openapi.json answers {status}")
        try:
            msgspec.json.decode(body, type=dict)
        except ValueError as error:
            raise SourceError("/openapi.json is not a JSON object") from error
        return body

    async def _get(self, address: Address, name: str, *paths: str) -> list[tuple[int, bytes]]:
        """Return the status and body of each path. Raises SourceError, in bounded time."""
        host, port = address
        base = f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        try:
            async with asyncio.timeout(TARGET_SECONDS):
                return await asyncio.gather(*(self._get_one(base, path, name) for path in paths))
        except TimeoutError as error:
            raise SourceError(f"no answer within {TARGET_SECONDS:g} s") from error
        except aiohttp.ClientConnectorCertificateError as error:
            reason = trust_failure(error.certificate_error) or "its certificate is refused"
            raise SourceError(reason) from error
        except (aiohttp.ClientError, OSError) as error:
            raise SourceError("no connection") from error

    async def _get_one(self, base: str, path: str, name: str) -> tuple[int, bytes]:
        url = f"{base}{path}"
        async with self._http.get(url, allow_redirects=False, server_hostname=name) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise SourceError(f"{path} is too long")
            return answer.status, bytes(body)


@asynccontextmanager
async def open_management_ports(ca_file: Path | None = None) -> AsyncIterator[ManagementPorts]:
    """Open an HTTP client for management ports; over https if there is a *ca_file*.

    The caller bounds the number of processes. A bound here would let processes that do not answer
    use up the time of the others.
    """
    trust = True if ca_file is None else client_context(ca_file)
    connector = aiohttp.TCPConnector(limit=0, ssl=trust)
    async with aiohttp.ClientSession(connector=connector) as http:
        yield ManagementPorts(http, "http" if ca_file is None else "https")


class KafkaEventTopic:
    """The topic of events, on a consumer that joins no group and reads no record.

    It connects at the first call, and again after a failure: a query node works without Kafka.
    Calls must not overlap.
    """

    def __init__(self, config: KafkaConfig, group: str) -> None:
        self._config = config
        self._group = group
        self._consumer: AIOKafkaConsumer | None = None

    async def read_offsets(self) -> dict[int, PartitionOffsets]:
        """See EventTopic."""
        try:
            async with asyncio.timeout(KAFKA_SECONDS):
                return await self._read_offsets()
        except (KafkaError, PipelineError, TimeoutError, OSError) as error:
            await self.close()
            raise SourceError(f"no answer: {type(error).__name__}") from error
        except BaseException:
            await self.close()
            raise

    async def _read_offsets(self) -> dict[int, PartitionOffsets]:
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(
                **client_arguments(self._config),
                group_id=self._group,
                enable_auto_commit=False,
            )
            await self._consumer.start()
        consumer, topic = self._consumer, self._config.topic
        # The first request for a topic makes the client load its partitions.
        partitions = consumer.partitions_for_topic(topic)
        if not partitions:
            await consumer.end_offsets([TopicPartition(topic, 0)])
            partitions = consumer.partitions_for_topic(topic) or ()
        numbers = sorted(partitions)
        ends, committed = await asyncio.gather(
            consumer.end_offsets([TopicPartition(topic, number) for number in numbers]),
            # One request for all partitions, and no error passes for "never committed".
            read_group_offsets(consumer._client, self._group, topic, numbers),  # noqa: SLF001
        )
        offsets = {number: None if at is None else at.offset for number, at in committed.items()}
        return {
            tp.partition: PartitionOffsets(end, offsets[tp.partition]) for tp, end in ends.items()
        }

    async def close(self) -> None:
        """Close the connections, if there are any."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            try:
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await consumer.stop()
            except (KafkaError, TimeoutError, OSError):
                pass  # the consumer is discarded anyway


@asynccontextmanager
async def open_event_topic(config: KafkaConfig, group: str) -> AsyncIterator[KafkaEventTopic]:
    """Yield the topic of events; it connects at the first call."""
    limit_repeated_logs(*_NOISY)
    log = KafkaEventTopic(config, group)
    try:
        yield log
    finally:
        await log.close()
