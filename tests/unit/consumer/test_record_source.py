"""What the adapter makes of a Kafka that does not answer while partitions are handed over."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import RequestTimedOutError

from consumer import record_source
from consumer.position import Position
from consumer.record_source import KafkaRecordSource
from shared.errors import LogRewrittenError

AT = TopicPartition("t", 3)


class StubConsumer:
    """What the adapter asks of an aiokafka consumer, with answers of the test's making."""

    def __init__(self, committed: int, failures: int) -> None:
        self._committed = committed
        self._failures = failures
        self.sought: list[tuple[TopicPartition, int]] = []
        self._coordinator = self

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[Any, int]:
        """Fail some times, then answer."""
        if self._failures:
            self._failures -= 1
            raise RequestTimedOutError
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[Any, int]:
        """Say that the log has 100 records."""
        return dict.fromkeys(partitions, 100)

    async def fetch_committed_offsets(self, partitions: list[TopicPartition]) -> dict[Any, Any]:
        """Say what was committed."""
        committed = SimpleNamespace(offset=self._committed, metadata="keys-from=40")
        return dict.fromkeys(partitions, committed)

    async def getmany(self, **_: object) -> dict[Any, Any]:
        """Have nothing."""
        return {}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Remember where to."""
        self.sought.append((partition, offset))

    def subscribe(self, *_: object, **__: object) -> None:
        """Join nothing."""


class Assignee:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.positions: Mapping[int, Position] = {}

    async def assign(self, positions: Mapping[int, Position]) -> None:
        """See record_source.Assignee."""
        self.positions = positions

    async def revoke(self) -> None:
        """See record_source.Assignee."""


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait."""
    monkeypatch.setattr(record_source, "_RETRY_SECONDS", 0.0)


async def test_an_assignment_waits_for_a_kafka_that_does_not_answer() -> None:
    """A worker does not end because brokers change places."""
    consumer, assignee = StubConsumer(committed=50, failures=3), Assignee()
    source = KafkaRecordSource(consumer, "t")
    source.subscribe(assignee)

    await source.on_partitions_assigned({AT})

    assert assignee.positions == {3: Position(50, 40)}
    assert consumer.sought == [(AT, 40)]
    assert await source.fetch() == {}


async def test_an_assignment_beyond_the_end_of_the_log_ends_the_worker() -> None:
    """That is no matter of waiting."""
    source = KafkaRecordSource(StubConsumer(committed=101, failures=0), "t")
    source.subscribe(Assignee())

    await source.on_partitions_assigned({AT})

    with pytest.raises(LogRewrittenError, match="committed 101"):
        await source.fetch()
