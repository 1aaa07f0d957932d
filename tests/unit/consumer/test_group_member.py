"""The Kafka record source while Kafka does not answer, answers with stale offsets, or is dead."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka.errors import (
    CommitFailedError,
    CorruptRecordException,
    GroupAuthorizationFailedError,
    OffsetOutOfRangeError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
)

from consumer.config import WorkerSettings
from consumer.counting.position import Position
from consumer.counting.start import Cause
from consumer.kafka import group_member, partition_offsets, partition_starts
from consumer.kafka.group_member import open_source
from shared.config import KafkaConfig
from shared.errors import AccessDeniedError, BrokerUnavailableError, PipelineError
from tests.unit.consumer.stub_consumer import AT, Assignee, StubConsumer, source_of
from tests.waiting import until


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without waiting."""
    for module in (group_member, partition_offsets):
        monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(group_member, "FAILED_SECONDS", 0.0)
    monkeypatch.setattr(partition_starts, "LOOK_AGAIN_SECONDS", 0.0)


@pytest_asyncio.fixture(name="consumer")
async def consumer_() -> AsyncIterator[StubConsumer]:
    """A consumer of one partition; the tasks inside it run."""
    consumer = StubConsumer()
    yield consumer
    for task in consumer.tasks.values():
        task.cancel()


async def test_an_assignment_waits_for_a_kafka_that_does_not_answer(
    consumer: StubConsumer,
) -> None:
    """A worker does not end because brokers restart."""
    consumer.committed, consumer.failures = (50, "keys-from=40"), 3
    source = source_of(consumer, assignee := Assignee())

    await source.on_partitions_assigned({AT})

    assert assignee.positions == {3: Position(50, 40)}
    assert consumer.sought == {AT: 40}
    assert await source.fetch() == {}


async def test_a_partition_whose_stale_leader_reports_an_old_end_starts_a_moment_later(
    consumer: StubConsumer,
) -> None:
    """A leader that was cut off reports it before it notices; the partition is paused so long."""
    consumer.committed, consumer.end = (101, "keys-from=40"), 90
    source = source_of(consumer, assignee := Assignee())

    await source.on_partitions_assigned({AT})
    assert source.stopped[3].cause is Cause.LOG_REWRITTEN
    assert consumer.paused == {AT}
    assert assignee.positions == {}
    consumer.end = 120
    await until(lambda: not source.stopped)

    assert assignee.positions == {3: Position(101, 40)}
    assert consumer.sought == {AT: 40}
    assert consumer.paused == set()
    await source.starts.cancel()


async def test_an_offset_of_another_program_is_replaced_by_our_last_one(
    consumer: StubConsumer,
) -> None:
    """Everything below our own is counted; below the other nothing is known."""
    consumer.committed = (50, "keys-from=40")
    source = source_of(consumer, assignee := Assignee())
    await source.on_partitions_assigned({AT})
    await source.commit({3: Position(60, 55)})
    consumer.committed = (90, "")
    assert source.not_ours == 0

    await source.on_partitions_assigned({AT})

    assert assignee.positions == {3: Position(60, 55)}
    assert source.not_ours == 1
    assert consumer.commits[-1] == {AT: (60, "keys-from=55")}


async def test_a_partition_whose_start_is_committed_slowly_is_assigned_once(
    consumer: StubConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that takes too long is begun again; it must not have assigned anything."""
    monkeypatch.setattr(partition_starts, "TOGETHER_SECONDS", 0.01)
    consumer.committed, consumer.slow_commits = (90, ""), 1
    source = source_of(consumer, assignee := Assignee())

    await source.on_partitions_assigned({AT})

    assert assignee.assigned == [3]
    assert consumer.commits == [{AT: (0, "keys-from=0")}]


async def test_a_partition_starts_though_its_start_cannot_be_committed(
    consumer: StubConsumer,
) -> None:
    """The next owner finds the same offset, which is not believed either."""
    consumer.committed, consumer.commit_errors = (90, ""), [RequestTimedOutError()]
    source = source_of(consumer, assignee := Assignee())

    await source.on_partitions_assigned({AT})

    assert assignee.assigned == [3]
    assert consumer.commits == []
    assert await source.fetch() == {}


async def test_a_commit_that_fails_may_be_repeated_unless_the_partition_is_lost(
    consumer: StubConsumer,
) -> None:
    """The caller learns which of both it is."""
    source = source_of(consumer, Assignee())
    consumer.commit_errors = [RequestTimedOutError(), CommitFailedError("a rebalance")]

    with pytest.raises(BrokerUnavailableError, match="RequestTimedOutError"):
        await source.commit({3: Position.at(5)})
    assert not await source.commit({3: Position.at(5)})
    assert await source.commit({3: Position.at(5)})


@pytest.mark.parametrize(
    "error", [GroupAuthorizationFailedError("g"), TopicAuthorizationFailedError({"t"})]
)
async def test_a_right_to_read_that_is_withdrawn_is_an_error_of_its_own(
    consumer: StubConsumer, error: Exception
) -> None:
    """Fetching again would not help."""
    source = source_of(consumer, Assignee())
    consumer.fetches = [error]

    with pytest.raises(AccessDeniedError, match="no right to read"):
        await source.fetch()


async def test_a_topic_that_was_created_again_stops_every_partition(
    consumer: StubConsumer,
) -> None:
    """It may have grown longer than the counted one: only its id shows it."""
    source = source_of(consumer, assignee := Assignee())
    source.offsets.counted_topic = await source.offsets.wait_for_topic_id()
    await source.on_partitions_assigned({AT})
    await source.probe()
    assert not source.stopped
    assert consumer.rejoins == 0
    assignee.positions = {}
    consumer.topic_id = uuid4()

    await source.probe()
    await source.on_partitions_assigned({AT})
    await source.probe()

    assert consumer.rejoins == 1
    assert assignee.positions == {}
    assert source.stopped[3].cause is Cause.LOG_REWRITTEN
    assert str(consumer.topic_id) in source.stopped[3].reason


async def test_an_offset_out_of_range_stops_its_partition_only_if_it_lasts(
    consumer: StubConsumer,
) -> None:
    """A stale leader may report it for a moment; then the partition is assigned again."""
    now = 100.0
    source = source_of(consumer, Assignee(), clock=lambda: now)
    reports = OffsetOutOfRangeError({AT: 452})

    for _ in range(4):
        consumer.fetches = [reports]
        assert await source.fetch() == {}
        now += 4.0
    assert consumer.rejoins == 1


@pytest.mark.parametrize("pause_seconds", [7.5, 3600.0])
async def test_lone_reports_of_an_offset_out_of_range_are_not_believed(
    consumer: StubConsumer, pause_seconds: float
) -> None:
    """Each of them counts from its own time."""
    now = 100.0
    source = source_of(consumer, Assignee(), clock=lambda: now)

    for _ in range(4):
        consumer.fetches = [OffsetOutOfRangeError({AT: 452})]
        assert await source.fetch() == {}
        now += pause_seconds
    assert consumer.rejoins == 0


@pytest.mark.parametrize("between", [{AT: ["record"]}, None])
async def test_records_and_the_leader_refute_an_offset_out_of_range(
    consumer: StubConsumer, between: dict[Any, Any] | None
) -> None:
    """Records in between, or a leader that has the offset: nothing is assigned again."""
    now = 100.0
    source = source_of(consumer, Assignee(), clock=lambda: now)

    for _ in range(5):
        consumer.fetches = [OffsetOutOfRangeError({AT: 99 if between is None else 452})]
        assert await source.fetch() == {}
        now += 4.0
        if between is not None:
            consumer.fetches = [between]
            assert (await source.fetch()).keys() == {3}
    assert consumer.rejoins == 0


async def test_a_failed_fetch_reads_again_what_it_may_have_dropped(
    consumer: StubConsumer,
) -> None:
    """The client passes records of one partition before it raises the error of another."""
    source = source_of(consumer, Assignee())
    await source.on_partitions_assigned({AT})
    consumer.sought[AT] = 44
    assert await source.fetch() == {}
    assert source.read_to(3) == 44

    consumer.sought[AT] = 90
    consumer.fetches = [CorruptRecordException()]
    assert await source.fetch() == {}

    assert consumer.sought == {AT: 44}
    assert source.read_to(3) == 44


@pytest.mark.parametrize("name", ["_fetch_task", "_coordination_task", "_sync_task"])
async def test_the_end_of_a_task_of_the_client_is_an_error(
    consumer: StubConsumer, name: str
) -> None:
    """Nothing would be read any more, and nothing else would report it."""
    source = source_of(consumer, Assignee())
    assert await source.fetch() == {}

    async def defect() -> None:
        raise LookupError("a defect")

    consumer.tasks[name].cancel()
    consumer.tasks[name] = asyncio.ensure_future(defect())
    await asyncio.wait({consumer.tasks[name]})

    with pytest.raises(PipelineError, match="task has ended: LookupError"):
        await source.fetch()


async def test_a_member_without_partitions_has_an_assignment_too(
    consumer: StubConsumer,
) -> None:
    """It is ready then, and not before."""
    source = source_of(consumer, Assignee())
    waiting = asyncio.ensure_future(source.wait_for_assignment())
    await asyncio.sleep(0)
    assert not waiting.done()

    await source.on_partitions_assigned(set())

    async with asyncio.timeout(5.0):
        await waiting


async def test_a_source_that_finds_no_kafka_leaves_nothing_open() -> None:
    """A later garbage collection would report a client that was not closed."""
    reports: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reports.append(context))
    config = KafkaConfig(bootstrap_servers="127.0.0.1:1")

    with pytest.raises(PipelineError, match="no Kafka at 127"):
        async with open_source(config, WorkerSettings()):
            pass
    gc.collect()

    assert reports == []
