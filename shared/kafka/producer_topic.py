"""A topic behind an idempotent producer that the watchdog may replace at any time."""

import asyncio
import random
from collections.abc import Mapping, Sequence

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from shared.errors import BrokerUnavailableError, OutcomeUnknownError
from shared.kafka.producer import (
    RETIRE_AT,
    has_leader,
    on_task_end,
    sequence_number,
    task_failure,
    wait_for_leader,
)
from shared.kafka.topic_health import TopicHealth
from shared.model.record import TRACEPARENT, KeyValue

log = structlog.stdlib.get_logger(__name__)

_LATE = "Kafka has not yet answered for an earlier batch."
_NO_LEADER = "The partition has no leader."
_SEQUENCE_LOST = "The producer is about to be replaced."


class ProducerTopic:
    """Appends batches to a topic, each within a deadline.

    The producer itself never gives a batch up: while a broker is away it retries without limit.
    When an append passes its deadline, its partition refuses other appends at once, until the late
    batch has ended or the producer was replaced; a refused append was certainly not stored. A
    partition without a leader refuses in the same way.
    """

    def __init__(
        self, producer: AIOKafkaProducer, name: str, health: TopicHealth, timeout_seconds: float
    ) -> None:
        self._name = name
        self._health = health
        self._timeout_seconds = timeout_seconds
        self._late: dict[int, asyncio.Future[object]] = {}
        self._watchdog: asyncio.Task[None] | None = None
        self.partitions = health.partitions
        self.refusing: dict[int, str] = {}
        """The partitions that refuse appends now, and why."""
        self.failure: str | None = None
        """Why the producer must be replaced, if an append has shown it."""
        self.needs_check = asyncio.Event()
        """Set when the watchdog has something to look at."""
        self.producers_replaced = 0
        self.last_error: str | None = None
        self._use(producer)

    @property
    def producer(self) -> AIOKafkaProducer:
        """The producer that takes new batches."""
        return self._producer

    def supervise(self, watchdog: asyncio.Task[None]) -> None:
        """Let ``probe`` raise a defect of *watchdog*, which ends the process."""
        self._watchdog = watchdog

    async def probe(self) -> None:
        """Return if every partition takes records. Raises BrokerUnavailableError.

        This means: no partition refuses, the producer's tasks run, and by Kafka's metadata each
        partition has a leader and enough replicas in sync.
        """
        if self._watchdog is not None and self._watchdog.done():
            self._watchdog.result()
        if self.refusing:
            reasons = " ".join(sorted(set(self.refusing.values())))
            raise BrokerUnavailableError(f"{reasons} Last error: {self.last_error}")
        if (failure := task_failure(self._producer)) is not None:
            raise BrokerUnavailableError(failure)
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
        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        await self._wait_for_leader(partition, deadline)
        # Not before: a producer that was replaced meanwhile takes no batch any more.
        producer = self._producer
        batch = producer.create_batch()
        for number, (key, value) in enumerate(records):
            headers = []  # a list: aiokafka accepts nothing else
            if traceparents is not None and number in traceparents:
                headers.append((TRACEPARENT, traceparents[number].encode()))
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                raise ValueError("the batch is larger than MAX_BATCH_BYTES")
        batch.close()
        try:
            # If the deadline cancels it, it has not queued the batch yet.
            async with asyncio.timeout_at(deadline):
                queued = await producer.send_batch(batch, self._name, partition=partition)
        except (KafkaError, TimeoutError) as error:
            self.record_error(error)
            raise BrokerUnavailableError(f"Kafka failed: {type(error).__name__}.") from error
        await self._wait_until_stored(producer, partition, queued, deadline)

    def replace_producer(self, producer: AIOKafkaProducer) -> AIOKafkaProducer:
        """Use *producer* from now on and return the former one.

        Only partitions without a leader refuse appends then: no append has to find that out. Late
        batches are forgotten: their appends have already raised OutcomeUnknownError.
        """
        former = self._producer
        self._late.clear()
        self.refusing.clear()
        self.failure = None
        self.producers_replaced += 1
        self._use(producer)
        for partition in range(self.partitions):
            if not has_leader(producer, TopicPartition(self._name, partition)):
                self._refuse(partition, _NO_LEADER)
        return former

    async def find_leaders(self) -> None:
        """Let partitions that had no leader take appends again if they have one now."""
        leaderless = [p for p, reason in self.refusing.items() if reason == _NO_LEADER]
        if not leaderless:
            return
        await self._producer.client.force_metadata_update()
        for partition in leaderless:
            if has_leader(self._producer, TopicPartition(self._name, partition)):
                self.refusing.pop(partition, None)

    def record_error(self, error: BaseException) -> None:
        """Remember *error* as the most recent one."""
        self.last_error = f"{type(error).__name__}: {error}"

    async def _wait_for_leader(self, partition: int, deadline: float) -> None:
        """Return once the partition has a leader. Raises BrokerUnavailableError, unsent."""
        producer, at = self._producer, TopicPartition(self._name, partition)
        if has_leader(producer, at):
            return
        try:
            async with asyncio.timeout_at(deadline):
                await wait_for_leader(producer, at)
        except TimeoutError as error:
            if producer is self._producer:
                self._refuse(partition, _NO_LEADER)
            raise BrokerUnavailableError(_NO_LEADER) from error

    async def _wait_until_stored(
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
            queued.add_done_callback(lambda future: self._end_late(partition, future))
            self.last_error = f"no answer for partition {partition} in time"
            raise OutcomeUnknownError("Kafka did not answer in time; it may have the event.")
        error = queued.exception()
        if error is None:
            self._retire_in_time(producer, partition)
            return
        self._record_failure(producer, partition, error)
        if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
            raise BrokerUnavailableError(f"Kafka refused: {type(error).__name__}.") from error
        # Whatever the last attempt returned: an earlier one, whose answer was lost, may have
        # stored the batch.
        raise OutcomeUnknownError(f"Kafka failed: {type(error).__name__}.") from error

    def _refuse(self, partition: int, reason: str) -> None:
        self.refusing[partition] = reason
        self.needs_check.set()

    def _use(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._retire_at = random.choice(RETIRE_AT)  # noqa: S311 it only spreads nodes out
        on_task_end(producer, self.needs_check.set)

    def _record_failure(
        self, producer: AIOKafkaProducer, partition: int, error: BaseException
    ) -> None:
        """Have the producer replaced: its sequence numbers count a batch that Kafka has not.

        aiokafka does not correct them after any error, so every later batch of the partition would
        fail too.
        """
        self.record_error(error)
        if producer is self._producer:
            self.failure = f"partition {partition}: {self.last_error}"
            self._refuse(partition, _SEQUENCE_LOST)

    def _retire_in_time(self, producer: AIOKafkaProducer, partition: int) -> None:
        """Have the producer replaced before its sequence numbers end; nothing is refused."""
        used = sequence_number(producer, TopicPartition(self._name, partition))
        if used >= self._retire_at and producer is self._producer and self.failure is None:
            self.failure = f"partition {partition} has {used} records of it, and 2^31 are the limit"
            self.needs_check.set()

    def _end_late(self, partition: int, future: asyncio.Future[object]) -> None:
        error = None if future.cancelled() else future.exception()
        if self._late.get(partition) is not future:
            return  # its producer was replaced
        del self._late[partition]
        del self.refusing[partition]
        if error is not None:
            self._record_failure(self._producer, partition, error)
            log.warning("a late batch failed", partition=partition, error=self.last_error)
