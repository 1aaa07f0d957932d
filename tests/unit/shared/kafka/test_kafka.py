"""Finding a topic on a broker that is only coming back."""

import pytest
from aiokafka.errors import UnknownTopicOrPartitionError

from shared.config import KafkaConfig
from shared.errors import PipelineError
from shared.kafka import topic as kafka

CONFIG = KafkaConfig(bootstrap_servers="127.0.0.1:1")


class StubProducer:
    """Knows a topic of twelve partitions after some questions."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    async def partitions_for(self, _: str) -> set[int]:
        """Answer as a broker does whose metadata are not complete yet."""
        if self.failures:
            self.failures -= 1
            raise UnknownTopicOrPartitionError
        return set(range(12))


async def test_a_topic_that_is_not_known_yet_is_asked_for_again() -> None:
    """A node does not end because it starts while a broker does."""
    producer = StubProducer(failures=1)
    assert await kafka._count_partitions(producer, "t", CONFIG) == 12


async def test_a_topic_that_stays_unknown_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And whoever started the node is told what to do."""
    monkeypatch.setattr(kafka, "_TOPIC_SECONDS", 0.0)
    with pytest.raises(PipelineError, match=r"python -m deploy\.prepare"):
        await kafka._count_partitions(StubProducer(failures=100), "t", CONFIG)
