"""Watch a topic's producer, and replace it when it cannot recover.

An idempotent producer can fail in three ways that it does not recover from: one of its tasks has
ended; a batch has failed, which its own sequence numbers count and Kafka's do not; or a batch stays
late, for any reason, although Kafka has been healthy for a while. While Kafka itself is away or
cannot store, nothing is replaced. A producer is also replaced long before its numbers end.
"""

import asyncio

import structlog

from shared.config import KafkaConfig
from shared.errors import BrokerUnavailableError
from shared.kafka.producer import end_producer, start_producer, task_failure
from shared.kafka.producer_topic import ProducerTopic
from shared.kafka.topic_health import TopicHealth

log = structlog.stdlib.get_logger(__name__)

_CHECK_SECONDS = 0.25
_PATIENCE_SECONDS = (2.0, 5.0)
"""At least and at most: how long Kafka must be healthy before a late batch is given up."""
_MAX_PATIENCE_SECONDS = 60.0
_RETRY_SECONDS = 1.0
_START_SECONDS = 10.0
_CLOSE_SECONDS = 3.0


async def run_watchdog(
    topic: ProducerTopic, health: TopicHealth, config: KafkaConfig, name: str
) -> None:
    """Replace the producer of *topic*, called *name*, whenever it must be, until cancelled."""
    ending: set[asyncio.Task[None]] = set()
    least, most = _PATIENCE_SECONDS
    base = patience = min(max(config.request_timeout_seconds, least), most)
    stuck_at = float("-inf")
    now = asyncio.get_running_loop().time
    try:
        while True:
            await topic.needs_check.wait()
            topic.needs_check.clear()
            if now() - stuck_at > _MAX_PATIENCE_SECONDS:
                patience = base
            while (cause := await _find_cause(topic, health, patience)) is not None:
                if _failure_of(topic) is None:
                    # If it is stuck again soon, the producer is not the cause: wait longer.
                    stuck_at, patience = now(), min(2 * patience, _MAX_PATIENCE_SECONDS)
                await _replace(topic, config, name, cause, ending)
    finally:
        if ending:
            await asyncio.wait(ending, timeout=_CLOSE_SECONDS)
        for task in ending:
            task.cancel()


async def _replace(
    topic: ProducerTopic,
    config: KafkaConfig,
    name: str,
    cause: str,
    ending: set[asyncio.Task[None]],
) -> None:
    """Switch to a new producer if one can be started; the former one ends as a task in *ending*."""
    try:
        fresh = await start_producer(config, name, _START_SECONDS)
    except BrokerUnavailableError as error:
        topic.record_error(error)
    else:
        former = topic.replace_producer(fresh)
        log.warning("the producer was replaced", cause=cause)
        # It may still send: a request may be waiting for one of its batches.
        seconds = 2 * config.request_timeout_seconds + _CLOSE_SECONDS
        task = asyncio.create_task(end_producer(former, seconds), name="end-producer")
        ending.add(task)
        task.add_done_callback(ending.discard)
    await asyncio.sleep(_RETRY_SECONDS)


def _failure_of(topic: ProducerTopic) -> str | None:
    return task_failure(topic.producer) or topic.failure


async def _find_cause(
    topic: ProducerTopic, health: TopicHealth, patience_seconds: float
) -> str | None:
    """Return why the producer must be replaced, or None once it works."""
    now = asyncio.get_running_loop().time
    stuck: set[int] = set()
    since = now()
    while True:
        cause = _failure_of(topic)
        if cause is not None or not topic.refusing:
            return cause
        try:
            async with asyncio.timeout(_START_SECONDS):
                await topic.find_leaders()
            await health.check()
        except (BrokerUnavailableError, TimeoutError):
            stuck.clear()
        else:
            stuck &= topic.refusing.keys()
            if not stuck:
                stuck, since = set(topic.refusing), now()
            if stuck and now() - since >= patience_seconds:
                return f"stuck with partitions {sorted(stuck)}; last error: {topic.last_error}"
        await asyncio.sleep(_CHECK_SECONDS)
