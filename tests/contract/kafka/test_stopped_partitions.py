"""Partitions that must not be read before their operator accepts a loss, on a real Kafka."""

import asyncio
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from consumer.config import WorkerSettings
from consumer.counting.position import Position
from consumer.counting.start import Cause
from consumer.kafka import lasting_reports, partition_starts
from deploy import stopped_partitions
from deploy.stopped_partitions import StoppedPartitionsConfig, parse_arguments
from shared.config import KafkaConfig
from shared.errors import PipelineError
from shared.kafka.client import client_arguments
from tests.contract.harness.members import GROUP, member, numbered, owned, read
from tests.contract.harness.topics import Topics
from tests.waiting import until, until_equal

Command = Callable[..., "asyncio.Future[None]"]


@pytest.fixture
def topics(real_topics: Topics, monkeypatch: pytest.MonkeyPatch) -> Topics:
    """Real topics, whose members look at stopped partitions often."""
    monkeypatch.setattr(partition_starts, "LOOK_AGAIN_SECONDS", 0.1)
    return real_topics


@pytest.fixture
def command(kafka_config: KafkaConfig) -> Command:
    """Return a function that runs the operator's command with the given words."""

    def run(*words: str) -> "asyncio.Future[None]":
        config = StoppedPartitionsConfig(kafka_config, WorkerSettings(group=GROUP))
        return asyncio.ensure_future(stopped_partitions.run(parse_arguments(words), config))

    return run


async def delete_below(config: KafkaConfig, partition: int, offset: int) -> None:
    """Delete the records of *partition* below *offset*, as retention does."""
    admin = AIOKafkaAdminClient(**client_arguments(config))
    await admin.start()
    await admin.delete_records({TopicPartition(config.topic, partition): RecordsToDelete(offset)})
    await admin.close()


async def commit_as_foreigner(config: KafkaConfig, partition: int, offset: int) -> None:
    """Commit *offset* as another program in the group does."""
    at = TopicPartition(config.topic, partition)
    async with AIOKafkaConsumer(
        **client_arguments(config), group_id=GROUP, enable_auto_commit=False
    ) as consumer:
        consumer.assign([at])
        await consumer.commit({at: offset})


async def test_a_partition_behind_its_retention_starts_when_the_operator_accepts_the_loss(
    topics: Topics,
    kafka_config: KafkaConfig,
    command: Command,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The other partition is read meanwhile; the loss is printed in numbers."""
    await topics.topic.append(0, numbered(9))
    await topics.topic.append(1, numbered(2))
    await topics.set_committed(GROUP, 0, 3)
    await delete_below(kafka_config, 0, 5)

    async with member(topics) as first:
        await owned(first, 1)
        assert [r.offset for r in await read(first.source, 1, 2)] == [0, 1]
        assert first.source.stopped[0].cause is Cause.RECORDS_DELETED

        await command("accept", "0")
        await owned(first)

        assert first.positions[0] == Position.at(5)
        assert [r.offset for r in await read(first.source, 0, 4)] == [5, 6, 7, 8]
        assert not first.source.stopped
        await until_equal(lambda: topics.committed(GROUP, 0), 5)

    printed = capsys.readouterr().out
    assert f"{topics.name}/0: committed 3, but it starts at 5: up to 2 records" in printed
    assert "accepted the loss of up to 2 records: workers start [0]" in printed


async def test_a_partition_that_is_overtaken_by_its_retention_stops_alone(
    topics: Topics, kafka_config: KafkaConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is assigned again, with everything that was counted committed, and not read any more."""
    monkeypatch.setattr(lasting_reports, "STALE_LEADER_SECONDS", 0.5)
    await topics.topic.append(0, numbered(2))
    async with member(topics) as first:
        await owned(first)
        await read(first.source, 0, 2)
        first.to_commit = {0: Position.at(2)}
        first.source.pause([0])
        # A request that was out before the pause covers both; this one ends it.
        await topics.topic.append(1, numbered(1))
        await read(first.source, 1, 1)
        await topics.topic.append(0, numbered(9, start=2))
        await delete_below(kafka_config, 0, 5)
        first.source.resume([0])

        async def is_stopped() -> bool:
            await first.source.fetch()
            return 0 in first.source.stopped

        await until(is_stopped)
        await owned(first, 1)
        await topics.topic.append(1, numbered(1, start=1))

        assert [r.value for r in await read(first.source, 1, 2)] == [b"0", b"1"]
        assert first.source.stopped[0].committed == 2
        assert first.source.stopped[0].lost == 3


async def test_a_group_without_offsets_does_not_start_where_the_beginning_is_deleted(
    topics: Topics, kafka_config: KafkaConfig, command: Command
) -> None:
    """Kafka forgets the offsets of an idle group: nothing shows whether the records counted."""
    await topics.topic.append(0, numbered(9))
    await delete_below(kafka_config, 0, 5)

    async with member(topics) as first:
        await owned(first, 1)
        assert first.owned == {1: 0}
        assert first.source.stopped[0].cause is Cause.OFFSETS_MISSING
    await command("accept", "--all")

    async with member(topics) as second:
        assert await owned(second) == {0: 5, 1: 0}


async def test_an_accepted_loss_does_not_cover_what_is_deleted_later(
    topics: Topics, kafka_config: KafkaConfig, command: Command
) -> None:
    """The operator accepted a smaller number."""
    await topics.topic.append(0, numbered(9))
    await topics.set_committed(GROUP, 0, 3)
    await delete_below(kafka_config, 0, 5)
    await command("accept", "--all")
    await delete_below(kafka_config, 0, 7)

    async with member(topics) as first:
        await owned(first, 1)
        assert first.source.stopped[0].lost == 4


async def test_only_a_stopped_partition_can_be_accepted(topics: Topics, command: Command) -> None:
    """A partition whose offsets start again is refused: a new topic needs a new name."""
    await topics.set_committed(GROUP, 0, 3)

    with pytest.raises(PipelineError, match=r"partitions \[1\] are not stopped"):
        await command("accept", "1")
    with pytest.raises(PipelineError, match="cannot be started: committed 3, but it ends at 0"):
        await command("accept", "0")


async def test_an_offset_of_another_program_is_not_believed(
    topics: Topics, kafka_config: KafkaConfig
) -> None:
    """The partition starts at its beginning, and what was committed is replaced."""
    await topics.topic.append(0, numbered(9))
    await commit_as_foreigner(kafka_config, 0, 7)

    async with member(topics) as first:
        assert await owned(first) == {0: 0, 1: 0}
        assert [r.offset for r in await read(first.source, 0, 9)] == [*range(9)]

        assert first.source.not_ours == 1
        await until_equal(lambda: topics.committed(GROUP, 0), 0)
