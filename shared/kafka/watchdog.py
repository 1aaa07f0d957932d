"""Watch a topic's producer, and replace it once it is of no more use.

An idempotent producer can be lost in three ways, none of which it gets out of by itself:
its sender has ended; it has lost its place in a partition, so that Kafka refuses all that it
sends there (a bad sequence number); or it is stuck with a batch, for whatever reason, although
Kafka has been well for a while. While Kafka itself is away or cannot store, nothing is replaced.
"""

import asyncio

import structlog

from shared.config import KafkaConfig
from shared.errors import BrokerUnavailableError
from shared.kafka.health import TopicHealth
from shared.kafka.producer import end_producer, sender_death, start_producer
from shared.kafka.producer_topic import ProducerTopic

log = structlog.stdlib.get_logger(__name__)

_LOOK_SECONDS = 0.25
_PATIENCE_SECONDS = (2.0, 5.0)
"""At least and at most: how long Kafka is well before a batch that stays late is given up."""
_MAX_PATIENCE_SECONDS = 60.0
_RETRY_SECONDS = 1.0
_START_SECONDS = 10.0
_CLOSE_SECONDS = 3.0


async def watch(topic: ProducerTopic, health: TopicHealth, config: KafkaConfig, name: str) -> None:
    """Replace the producer of *topic*, called *name*, where it must be, until cancelled."""
    ending: set[asyncio.Task[None]] = set()
    least, most = _PATIENCE_SECONDS
    base = patience = min(max(config.request_timeout_seconds, least), most)
    stuck_at = float("-inf")
    now = asyncio.get_running_loop().time
    try:
        while True:
            await topic.troubled.wait()
            topic.troubled.clear()
            if now() - stuck_at > _MAX_PATIENCE_SECONDS:
                patience = base
            while (cause := await _find_cause(topic, health, patience)) is not None:
                if _incapable(topic) is None:
                    # Stuck again soon, it is not to blame: it is replaced ever more rarely.
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
    """Switch to a new producer if there can be one, and let the former one end in *ending*."""
    try:
        fresh = await start_producer(config, name, _START_SECONDS)
    except BrokerUnavailableError as error:
        topic.last_error = str(error)
    else:
        former = topic.switch(fresh)
        log.warning("the producer was replaced", cause=cause)
        # What it can still send it may: someone may be waiting for that.
        seconds = 2 * config.request_timeout_seconds + _CLOSE_SECONDS
        task = asyncio.create_task(end_producer(former, seconds), name="end-producer")
        ending.add(task)
        task.add_done_callback(ending.discard)
    await asyncio.sleep(_RETRY_SECONDS)


def _incapable(topic: ProducerTopic) -> str | None:
    return sender_death(topic.producer) or topic.broken


async def _find_cause(
    topic: ProducerTopic, health: TopicHealth, patience_seconds: float
) -> str | None:
    """Return why the producer must be replaced, or None once all is well with it."""
    now = asyncio.get_running_loop().time
    stuck: set[int] = set()
    since = now()
    while True:
        cause = _incapable(topic)
        if cause is not None or not topic.refusing:
            return cause
        try:
            async with asyncio.timeout(_START_SECONDS):
                await topic.look_for_leaders()
            await health.check()
        except (BrokerUnavailableError, TimeoutError):
            stuck.clear()
        else:
            stuck &= topic.refusing.keys()
            if not stuck:
                stuck, since = set(topic.refusing), now()
            if stuck and now() - since >= patience_seconds:
                return f"stuck with partitions {sorted(stuck)}; last error: {topic.last_error}"
        await asyncio.sleep(_LOOK_SECONDS)
