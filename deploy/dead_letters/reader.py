"""Read the topic of dead letters from its beginning, again and again up to its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.dead_letters.ledger import Ledger
from shared.config import KafkaConfig
from shared.errors import BrokerUnavailableError
from shared.kafka.client import client_arguments

_READ_LIMIT_SECONDS = 60.0
_POLL_MS = 500


class LedgerReader:
    """The ledger as of the last ``catch_up``."""

    def __init__(self, consumer: AIOKafkaConsumer, config: KafkaConfig) -> None:
        self._consumer = consumer
        self._partition = TopicPartition(config.dead_letter_topic, 0)
        self.ledger = Ledger()

    async def catch_up(self) -> None:
        """Read up to the current end of the topic. Raises BrokerUnavailableError."""
        partition = self._partition
        try:
            async with asyncio.timeout(_READ_LIMIT_SECONDS):
                end = (await self._consumer.end_offsets([partition]))[partition]
                while await self._consumer.position(partition) < end:
                    found = await self._consumer.getmany(partition, timeout_ms=_POLL_MS)
                    for entry in found.get(partition, []):
                        self.ledger.add(entry.offset, entry.value)
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(
                f"cannot read the topic {partition.topic}: {type(error).__name__}: {error}"
            ) from error


@asynccontextmanager
async def open_ledger(config: KafkaConfig) -> AsyncIterator[LedgerReader]:
    """Read the topic of dead letters to its end. It joins no group and commits no offset.

    Raises BrokerUnavailableError.
    """
    consumer = AIOKafkaConsumer(
        **client_arguments(config),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        try:
            async with asyncio.timeout(_READ_LIMIT_SECONDS):
                await consumer.start()
                partition = TopicPartition(config.dead_letter_topic, 0)
                consumer.assign([partition])
                await consumer.seek_to_beginning(partition)
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(
                f"cannot read the topic {config.dead_letter_topic!r} at "
                f"{config.bootstrap_servers}: {type(error).__name__}"
            ) from error
        reader = LedgerReader(consumer, config)
        await reader.catch_up()
        yield reader
    finally:
        await consumer.stop()
