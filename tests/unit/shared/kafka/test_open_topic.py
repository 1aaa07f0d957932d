"""Opening a topic while a broker starts."""

import pytest
from aiokafka.errors import UnknownTopicOrPartitionError

from shared.config import KafkaConfig
from shared.errors import PipelineError
from shared.kafka import topic as kafka

CONFIG = KafkaConfig(bootstrap_servers="127.0.0.1:1")


class StubProducer:
    """Returns the twelve partitions of a topic after some failures."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    async def partitions_for(self, _: str) -> set[int]:
        """Answer as a broker whose metadata is not complete yet."""
        if self.failures:
            self.failures -= 1
            raise UnknownTopicOrPartitionError
        return set(range(12))


async def test_a_topic_that_is_not_known_yet_is_tried_again() -> None:
    """A node may start at the same time as a broker."""
    producer = StubProducer(failures=1)
    assert await kafka._count_partitions(producer, "t", CONFIG) == 12


async def test_a_topic_that_stays_unknown_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the command that creates it."""
    monkeypatch.setattr(kafka, "_TOPIC_SECONDS", 0.0)
    with pytest.raises(PipelineError, match=r"python -m deploy\.prepare"):
        await kafka._count_partitions(StubProducer(failures=100), "t", CONFIG)
