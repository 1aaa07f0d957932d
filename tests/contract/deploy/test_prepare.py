"""The step ``python -m deploy.prepare`` on real servers."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy import prepare
from deploy.prepare import CassandraLayout, KafkaLayout, PrepareConfig
from shared.cassandra.session import open_session
from shared.config import CassandraConfig, KafkaConfig, LayoutConfig
from shared.kafka.producer import MAX_BATCH_BYTES
from shared.kafka.topic import open_topic
from tests.contract.harness.pipeline import PARTITIONS
from tests.contract.harness.stores import (
    new_domain,
    read,
    real_store,
    unique,
    update_of,
    write,
)
from tests.contract.harness.topics import read_all
from tests.waiting import WAIT_SECONDS

LOG = "prepared/0"


async def test_it_may_run_twice_at_once_and_again_on_a_system_in_use(
    kafka_config: KafkaConfig,
    kafka_layout: KafkaLayout,
    cassandra_config: CassandraConfig,
    cassandra_layout: CassandraLayout,
) -> None:
    """Both runs succeed, and records and counters are not changed."""
    own = cassandra_config.model_copy(update={"keyspace": unique("prepared").replace("-", "_")})
    config = PrepareConfig(kafka_config, kafka_layout, own, cassandra_layout, LayoutConfig())
    update = update_of(new_domain(), delivered=3, applied_offset=3)

    async with asyncio.timeout(3 * WAIT_SECONDS):
        await asyncio.gather(prepare.run(config), prepare.run(config))
        async with (
            open_topic(kafka_config, kafka_config.topic) as topic,
            open_session(own) as session,
        ):
            store = (await real_store(session)).store
            await topic.append(0, [(b"k", b"v")])
            await write(store, LOG, update)
            await prepare.run(config)

            assert topic.partitions == PARTITIONS
            assert await read_all(kafka_config, kafka_config.topic, 0) == [(b"k", b"v")]
            (row,) = await read(store, LOG, update.domain)
            assert row.delivered == 3


async def test_it_warns_if_offsets_are_forgotten_before_events_are_deleted(
    kafka_config: KafkaConfig, kafka_layout: KafkaLayout, capsys: pytest.CaptureFixture[str]
) -> None:
    """The broker's setting is compared with the retention of the topic."""
    warning = "offsets are forgotten before events are deleted"

    await prepare.create_topics(kafka_config, kafka_layout)
    assert warning not in capsys.readouterr().out
    await prepare.create_topics(kafka_config, kafka_layout.model_copy(update={"retention_days": 8}))

    assert warning in capsys.readouterr().out


async def test_topics_have_the_settings_that_the_guarantees_need(
    kafka_config: KafkaConfig, kafka_layout: KafkaLayout
) -> None:
    """The settings are read from the broker."""
    async with asyncio.timeout(WAIT_SECONDS):
        await prepare.create_topics(kafka_config, kafka_layout)
        events = await settings_of(kafka_config, kafka_config.topic)
        letters = await settings_of(kafka_config, kafka_config.dead_letter_topic)
        changes = await settings_of(kafka_config, kafka_config.changes_topic)

    for found in (events, letters, changes):
        assert found["min.insync.replicas"] == str(kafka_layout.min_insync_replicas)
        assert found["message.timestamp.type"] == "LogAppendTime"
        assert found["unclean.leader.election.enable"] == "false"
        assert int(found["max.message.bytes"]) > MAX_BATCH_BYTES
    assert events["retention.ms"] == str(kafka_layout.retention_days * 24 * 60 * 60 * 1000)
    assert letters["retention.ms"] == "-1"
    assert changes["cleanup.policy"] == "compact"
    # A reader that was away for less than this misses no change, above all no bounce.
    assert int(changes["min.compaction.lag.ms"]) >= 60 * 60 * 1000
    # Otherwise nothing would ever be compacted.
    assert int(changes["segment.ms"]) <= 24 * 60 * 60 * 1000


async def settings_of(config: KafkaConfig, topic: str) -> dict[str, str]:
    """Return all settings of *topic*."""
    admin = AIOKafkaAdminClient(bootstrap_servers=config.bootstrap_servers)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    finally:
        await admin.close()
    ((_, _, _, _, entries),) = answer.resources
    return {name: value for name, value, *_ in entries}
