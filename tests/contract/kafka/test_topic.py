"""What publishers rely on when they append to a topic."""

import asyncio

import pytest

from shared.config import KafkaConfig
from shared.errors import PipelineError
from shared.kafka import topic
from shared.kafka.producer import MAX_BATCH_BYTES
from shared.kafka.topic import open_topic
from tests.contract.harness.pipeline import PARTITIONS
from tests.contract.harness.topics import FakeTopic, Readable
from tests.waiting import WAIT_SECONDS

ALL_BYTES = bytes(range(256))


@pytest.fixture(params=["fake_topic", "fake_topics", "real_topics"])
def readable(request: pytest.FixtureRequest) -> Readable:
    """Every topic there is; asked for by name, so that a fake starts no server."""
    chosen: Readable = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def fake_topic() -> Readable:
    """A new topic of the kind that publishers are tested on."""
    return FakeTopic(PARTITIONS)


async def test_a_topic_knows_how_many_partitions_it_has(readable: Readable) -> None:
    """The count is the one that the topic was made with."""
    assert readable.topic.partitions == PARTITIONS


async def test_records_are_there_when_append_returns(readable: Readable) -> None:
    """A reader finds the records of an append, in that partition and no other."""
    await readable.topic.append(1, [(b"k", b"v")])

    assert list(await readable.records(1)) == [(b"k", b"v")]
    assert list(await readable.records(0)) == []


async def test_records_come_back_byte_by_byte(readable: Readable) -> None:
    """Keys and values are bytes, not text."""
    records = [(ALL_BYTES, ALL_BYTES[::-1]), (b"k", b""), (b"", b"v")]

    await readable.topic.append(0, records)

    assert list(await readable.records(0)) == records


async def test_a_partition_keeps_the_order_of_its_appends(readable: Readable) -> None:
    """Batches stand one after the other, and records within a batch as they were given."""
    records = [(b"k", str(number).encode()) for number in range(100)]

    for start in range(0, len(records), 7):
        await readable.topic.append(0, records[start : start + 7])

    assert list(await readable.records(0)) == records


async def test_partitions_accept_appends_concurrently(readable: Readable) -> None:
    """One append per partition at a time is the rule, and partitions do not wait in line."""
    async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as appends:
        for partition in range(PARTITIONS):
            appends.create_task(readable.topic.append(partition, [(b"k", b"%d" % partition)]))

    assert list(await readable.records(0)) == [(b"k", b"0")]
    assert list(await readable.records(1)) == [(b"k", b"1")]


async def test_a_batch_beyond_the_limit_is_refused_whole(readable: Readable) -> None:
    """It is the caller's error, nothing of it is stored, and the topic takes the next one."""
    half = bytes(MAX_BATCH_BYTES // 2)

    with pytest.raises(ValueError, match="MAX_BATCH_BYTES"):
        await readable.topic.append(0, [(b"k", half), (b"k", half)])
    await readable.topic.append(0, [(b"k", b"small")])

    assert list(await readable.records(0)) == [(b"k", b"small")]


async def test_a_batch_just_below_the_limit_is_accepted(readable: Readable) -> None:
    """What passes the producer's limit passes the topic's as well, compressible or not."""
    value = bytes(MAX_BATCH_BYTES - 1024)

    await readable.topic.append(0, [(b"k", value)])

    assert list(await readable.records(0)) == [(b"k", value)]


async def test_a_missing_topic_names_the_command_that_makes_it(
    kafka_config: KafkaConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening one does not create it with some default, nor wait for ever."""
    monkeypatch.setattr(topic, "_TOPIC_SECONDS", 1.0)
    impatient = kafka_config.model_copy(update={"request_timeout_seconds": 1.0})

    with pytest.raises(PipelineError, match=r"python -m deploy\.prepare"):
        async with asyncio.timeout(WAIT_SECONDS), open_topic(impatient, impatient.topic):
            pass
