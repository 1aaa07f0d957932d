"""The Kafka record source while Kafka does not answer, or answers with stale offsets."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError, RequestTimedOutError

from consumer.counting.position import Position
from consumer.kafka import partition_offsets, record_source
from consumer.kafka.record_source import KafkaRecordSource
from consumer.kafka.sticky_assignor import StickyAssignor
from shared.errors import LogRewrittenError

AT = TopicPartition("t", 3)


class StubConsumer:
    """A stub of an aiokafka consumer with prepared results.

    ``ends`` and ``fetches`` are the next results; the last end is repeated.
    """

    def __init__(self, committed: int = 0, failures: int = 0, ends: Sequence[int] = (100,)) -> None:
        self._committed = committed
        self._failures = failures
        self._ends = list(ends)
        self.fetches: list[Exception | dict[Any, Any]] = []
        self.sought: list[tuple[TopicPartition, int]] = []
        self._coordinator = self
        self.generation = 7

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[Any, int]:
        """Fail a number of times, then return."""
        if self._failures:
            self._failures -= 1
            raise RequestTimedOutError
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[Any, int]:
        """Return the next end."""
        end = self._ends.pop(0) if len(self._ends) > 1 else self._ends[0]
        return dict.fromkeys(partitions, end)

    async def fetch_committed_offsets(self, partitions: list[TopicPartition]) -> dict[Any, Any]:
        """Return the committed offset."""
        committed = SimpleNamespace(offset=self._committed, metadata="keys-from=40")
        return dict.fromkeys(partitions, committed)

    async def getmany(self, **_: object) -> dict[Any, Any]:
        """Return the next fetch, or nothing at the end."""
        answer = self.fetches.pop(0) if self.fetches else {}
        if isinstance(answer, Exception):
            raise answer
        return answer

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Record the position."""
        self.sought.append((partition, offset))

    def pause(self, partition: TopicPartition) -> None:
        """Do nothing."""

    def resume(self, partition: TopicPartition) -> None:
        """Do nothing."""

    def subscribe(self, *_: object, **__: object) -> None:
        """Do nothing."""


class Assignee:
    """Records the positions that it gets."""

    def __init__(self) -> None:
        self.positions: Mapping[int, Position] = {}

    def start_generation(self, generation: int, partitions: Collection[int]) -> None:
        """See record_source.Assignee."""

    def assign(self, positions: Mapping[int, Position]) -> Mapping[int, int]:
        """See record_source.Assignee."""
        self.positions = positions
        return {p: at.keys_from for p, at in positions.items()}

    async def revoke(self) -> None:
        """See record_source.Assignee."""


def new_source(consumer: StubConsumer, clock: Callable[[], float] = monotonic) -> KafkaRecordSource:
    """Return a source that waits for all positions of an assignment."""
    return KafkaRecordSource(consumer, "t", StickyAssignor(), 5.0, clock)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without waiting."""
    for module in (record_source, partition_offsets):
        monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)


async def test_an_assignment_waits_for_a_kafka_that_does_not_answer() -> None:
    """A worker does not end because brokers restart."""
    consumer, assignee = StubConsumer(committed=50, failures=3), Assignee()
    source = new_source(consumer)
    source.subscribe(assignee)

    await source.on_partitions_assigned({AT})

    assert assignee.positions == {3: Position(50, 40)}
    assert consumer.sought[-1] == (AT, 40)
    assert await source.fetch() == {}


async def test_a_committed_offset_beyond_the_end_of_the_partition_ends_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If Kafka reports it for long, the topic is a new one."""
    monkeypatch.setattr(partition_offsets, "STALE_LEADER_SECONDS", 0.05)
    source = new_source(StubConsumer(committed=101))
    source.subscribe(Assignee())

    await source.on_partitions_assigned({AT})

    with pytest.raises(LogRewrittenError, match="committed 101"):
        await source.fetch()


async def test_the_end_reported_by_a_stale_leader_is_read_again() -> None:
    """A leader that was cut off reports an old end before it notices."""
    consumer, assignee = StubConsumer(committed=101, ends=(90, 90, 120)), Assignee()
    source = new_source(consumer)
    source.subscribe(assignee)

    await source.on_partitions_assigned({AT})

    assert assignee.positions == {3: Position(101, 40)}
    assert await source.end_offset(3, 120) == 120


async def test_an_offset_out_of_range_is_an_error_only_if_it_lasts() -> None:
    """A stale leader may report it for a moment; records in between reset the time."""
    now = 100.0
    consumer = StubConsumer()
    source = new_source(consumer, clock=lambda: now)
    out_of_range = OffsetOutOfRangeError({AT: 452})

    for _ in range(2):
        consumer.fetches = [out_of_range, {AT: ["record"]}]
        assert await source.fetch() == {}
        now += 7.5
        assert (await source.fetch()).keys() == {3}

    consumer.fetches = [out_of_range, out_of_range]
    assert await source.fetch() == {}
    now += 12.5
    with pytest.raises(LogRewrittenError, match="452"):
        await source.fetch()


async def test_a_member_without_partitions_has_an_assignment_too() -> None:
    """It is ready then, and not before."""
    source = new_source(StubConsumer())
    source.subscribe(Assignee())
    waiting = asyncio.ensure_future(source.wait_for_assignment())
    await asyncio.sleep(0)
    assert not waiting.done()

    await source.on_partitions_assigned(set())

    async with asyncio.timeout(5.0):
        await waiting
