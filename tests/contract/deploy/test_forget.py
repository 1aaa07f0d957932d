"""Forget what was counted for a domain, on real servers, with workers that come back."""

import argparse
import time
from dataclasses import replace

import pytest

from consumer.config import WorkerSettings
from deploy import prepare
from deploy.forget import ForgetConfig, parse_arguments, run
from deploy.prepare import KafkaLayout
from shared.config import CassandraConfig, KafkaConfig, LayoutConfig
from shared.errors import PipelineError
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.partitioning import partition_of
from tests.contract.harness.pipeline import PARTITIONS
from tests.contract.harness.stores import Store, new_domain
from tests.contract.harness.topics import Topics
from tests.contract.harness.workers import (
    GROUP,
    counted,
    events_of,
    open_worker,
    publish,
    truth,
    until_counted,
)


@pytest.fixture
def config(kafka_config: KafkaConfig, cassandra_config: CassandraConfig) -> ForgetConfig:
    """The environment of the workers."""
    return ForgetConfig(kafka_config, cassandra_config, LayoutConfig(), WorkerSettings(group=GROUP))


def forget(domain: DomainName) -> argparse.Namespace:
    """Return the command line."""
    return parse_arguments([domain])


@pytest.mark.parametrize("clock_ahead_seconds", [0.0, 60.0])
@pytest.mark.parametrize("killed", [False, True])
async def test_a_domain_is_forgotten_and_counts_from_0(
    config: ForgetConfig,
    real_topics: Topics,
    real_store: Store,
    monkeypatch: pytest.MonkeyPatch,
    *,
    killed: bool,
    clock_ahead_seconds: float,
) -> None:
    """Also what the next worker reads again; not what comes later, nor any other domain."""
    topics, store = real_topics, real_store
    slandered, beside = new_domain(), new_domain()
    while partition_of(beside, PARTITIONS) != partition_of(slandered, PARTITIONS):
        beside = new_domain()
    before = events_of([slandered, beside])
    await publish(topics.topic, before)
    async with open_worker(topics, store.store) as worker:
        await until_counted(store.reader, truth(before))
        if killed:
            await worker.kill()
    # Nobody has read it yet.
    await publish(topics.topic, [Event(slandered, EventKind.BOUNCED)])

    with monkeypatch.context() as patch:
        wall_clock = time.time
        patch.setattr(time, "time", lambda: wall_clock() + clock_ahead_seconds)
        await run(forget(slandered), config)

    assert (await counted(store.reader, [slandered]))[slandered] == Counters()
    async with open_worker(topics, store.store):
        after = [Event(slandered, EventKind.DELIVERED, 7), Event(beside, EventKind.DELIVERED)]
        await publish(topics.topic, after)
        expected = truth([e for e in before if e.domain == beside] + after)
        await until_counted(store.reader, expected)
    assert await counted(store.reader, expected) == expected


async def test_a_domain_is_not_forgotten_while_a_worker_remembers_it(
    config: ForgetConfig, real_topics: Topics, real_store: Store
) -> None:
    """Its next write would say everything again."""
    events = events_of([new_domain()])
    await publish(real_topics.topic, events)
    async with open_worker(real_topics, real_store.store):
        await until_counted(real_store.reader, truth(events))
        with pytest.raises(PipelineError, match=r"has 1 members at .* stop every worker"):
            await run(forget(events[0].domain), config)
        assert await counted(real_store.reader, truth(events)) == truth(events)


async def test_another_group_is_refused(config: ForgetConfig, kafka_layout: KafkaLayout) -> None:
    """A group that nobody was ever in tells nothing about the workers."""
    await prepare.create_topics(config.kafka, kafka_layout)
    wrong = replace(config, worker=WorkerSettings(group="nobody"))
    with pytest.raises(PipelineError, match="is CONSUMER_GROUP the one of the workers"):
        await run(forget(new_domain()), wrong)
