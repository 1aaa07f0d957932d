"""A topic behind an idempotent producer that may be replaced at any time."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from shared.errors import BrokerUnavailableError, OutcomeUnknownError
from shared.kafka.health import TopicHealth
from shared.kafka.producer import (
    PLACE_LOST,
    has_leader,
    on_sender_end,
    sender_death,
    wait_for_leader,
)
from shared.model.record import TRACEPARENT, KeyValue

log = structlog.stdlib.get_logger(__name__)

_LATE = "Kafka has not yet answered for an earlier batch."
_NO_LEADER = "The partition has no leader."
_PLACE_LOST = "The producer is about to be replaced."


class ProducerTopic:
    """The topic behind an idempotent producer, which is replaced when it is stuck.

    The producer never gives a batch up: while a broker is away it keeps trying for good. So
    each append has a deadline of its own, and until the late batch has ended one way or the
    other, or its producer was replaced, its partition refuses others at once, which is then
    certain. The same holds for a partition without a leader.
    """

    def __init__(
        self, producer: AIOKafkaProducer, name: str, health: TopicHealth, timeout_seconds: float
    ) -> None:
        self._name = name
        self._health = health
        self._timeout_seconds = timeout_seconds
        self._late: dict[int, asyncio.Future[object]] = {}
        self.partitions = health.partitions
        self.refusing: dict[int, str] = {}
        """Which partitions take nothing at present, and why."""
        self.broken: str | None = None
        """Why the producer must be replaced, as far as its appends can tell."""
        self.troubled = asyncio.Event()
        """Set when there is something for the watchdog to look at."""
        self.producers_replaced = 0
        self.last_error: str | None = None
        self.watching: asyncio.Task[None] | None = None
        self._use(producer)

    @property
    def producer(self) -> AIOKafkaProducer:
        """The producer that takes new batches."""
        return self._producer

    async def probe(self) -> None:
        """Return if the topic takes records on all partitions, else BrokerUnavailableError.

        That is: no partition refuses, the producer lives, and Kafka says that the topic is
        there, each partition with a leader and enough replicas in sync.
        """
        if self.watching is not None and self.watching.done():
            self.watching.result()  # a defect of the watchdog's ends the process, as any other
        if self.refusing:
            reasons = " ".join(sorted(set(self.refusing.values())))
            raise BrokerUnavailableError(f"{reasons} Last error: {self.last_error}")
        if (death := sender_death(self._producer)) is not None:
            raise BrokerUnavailableError(death)
        await self._health.check()

    async def append(
        self,
        partition: int,
        records: Sequence[KeyValue],
        traceparents: Mapping[int, str] | None = None,
    ) -> None:
        """See Topic."""
        if (reason := self.refusing.get(partition)) is not None:
            raise BrokerUnavailableError(reason)
        producer = self._producer
        batch = producer.create_batch()
        for number, (key, value) in enumerate(records):
            headers = []  # a list: aiokafka takes nothing else
            if traceparents is not None and number in traceparents:
                headers.append((TRACEPARENT, traceparents[number].encode()))
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                raise ValueError("the batch is larger than MAX_BATCH_BYTES")
        batch.close()
        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        await self._lead(producer, partition, deadline)
        try:
            # Cancelled while it waits, it has not taken the batch yet.
            async with asyncio.timeout_at(deadline):
                queued = await producer.send_batch(batch, self._name, partition=partition)
        except (KafkaError, TimeoutError) as error:
            self._note(error)
            raise BrokerUnavailableError(f"Kafka failed: {type(error).__name__}.") from error
        await self._stored(producer, partition, queued, deadline)

    def switch(self, producer: AIOKafkaProducer) -> AIOKafkaProducer:
        """Use *producer* from now on and return the former one; every partition is open again.

        Late batches are forgotten: whoever sent them was told that nobody knows.
        """
        former = self._producer
        self._late.clear()
        self.refusing.clear()
        self.broken = None
        self.producers_replaced += 1
        self._use(producer)
        return former

    async def look_for_leaders(self) -> None:
        """Open the partitions again that were without a leader and have one now."""
        leaderless = [p for p, reason in self.refusing.items() if reason == _NO_LEADER]
        if not leaderless:
            return
        await self._producer.client.force_metadata_update()
        for partition in leaderless:
            if has_leader(self._producer, TopicPartition(self._name, partition)):
                self.refusing.pop(partition, None)

    async def _lead(self, producer: AIOKafkaProducer, partition: int, deadline: float) -> None:
        """Return once the partition has a leader; nothing was sent if it has none in time."""
        at = TopicPartition(self._name, partition)
        if has_leader(producer, at):
            return
        try:
            async with asyncio.timeout_at(deadline):
                await wait_for_leader(producer, at)
        except TimeoutError as error:
            if producer is self._producer:
                self._refuse(partition, _NO_LEADER)
            raise BrokerUnavailableError(_NO_LEADER) from error

    async def _stored(
        self,
        producer: AIOKafkaProducer,
        partition: int,
        queued: asyncio.Future[object],
        deadline: float,
    ) -> None:
        now = asyncio.get_running_loop().time()
        done, _ = await asyncio.wait({queued}, timeout=max(0.0, deadline - now))
        if not done:
            if producer is self._producer:  # else it was replaced meanwhile
                self._late[partition] = queued
                self._refuse(partition, _LATE)
            queued.add_done_callback(lambda future: self._ended(partition, future))
            self.last_error = f"no answer for partition {partition} in time"
            raise OutcomeUnknownError("Kafka did not answer in time; it may have the event.")
        error = queued.exception()
        if error is None:
            return
        self._failed(producer, partition, error)
        if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
            raise BrokerUnavailableError(f"Kafka refused: {type(error).__name__}.") from error
        # Whatever the last try came to: an earlier one, whose answer was lost, may have stored it.
        raise OutcomeUnknownError(f"Kafka failed: {type(error).__name__}.") from error

    def _refuse(self, partition: int, reason: str) -> None:
        self.refusing[partition] = reason
        self.troubled.set()

    def _use(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        on_sender_end(producer, self.troubled.set)

    def _failed(self, producer: AIOKafkaProducer, partition: int, error: BaseException) -> None:
        self._note(error)
        if isinstance(error, PLACE_LOST) and producer is self._producer:
            self.broken = f"partition {partition}: {self.last_error}"
            self._refuse(partition, _PLACE_LOST)

    def _note(self, error: BaseException) -> None:
        self.last_error = f"{type(error).__name__}: {error}"

    def _ended(self, partition: int, future: asyncio.Future[object]) -> None:
        error = None if future.cancelled() else future.exception()
        if self._late.get(partition) is not future:
            return  # of a producer that was replaced
        del self._late[partition]
        del self.refusing[partition]
        if error is not None:
            self._failed(self._producer, partition, error)
            log.warning("a late batch failed", partition=partition, error=self.last_error)
