"""The command line of ``deploy.stopped_partitions``, and a commit that fails."""

from typing import Any

import pytest
from aiokafka.errors import NodeNotReadyError

from consumer.counting.start import Cause, Stopped
from deploy.stopped_partitions import accept_losses, parse_arguments
from shared.errors import BrokerUnavailableError, PipelineError

DELETED = Stopped(Cause.RECORDS_DELETED, "committed 3, but it starts at 5", 3, 5)
REWRITTEN = Stopped(Cause.LOG_REWRITTEN, "committed 3, but it ends at 0", 3, 0)


@pytest.mark.parametrize(
    "words", [[], ["accept"], ["accept", "3", "--all"], ["accept", "three"], ["list", "3"]]
)
def test_a_loss_is_accepted_only_for_partitions_that_are_named(words: list[str]) -> None:
    """Or for all of them, in so many words; anything else ends with exit status 2."""
    with pytest.raises(SystemExit) as stopped:
        parse_arguments(words)
    assert stopped.value.code == 2


def test_partitions_are_accepted_by_number_or_all_at_once() -> None:
    """Several numbers may follow."""
    some, every = parse_arguments(["accept", "3", "5"]), parse_arguments(["accept", "--all"])
    assert (some.partition, some.all) == ([3, 5], False)
    assert (every.partition, every.all) == ([], True)


class Consumer:
    """The parts of a consumer that a commit uses; *error* is what the commit raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.committed: dict[int, tuple[int, str]] = {}
        self._error = error

    def assign(self, partitions: Any) -> None:
        """See AIOKafkaConsumer."""

    async def commit(self, offsets: Any) -> None:
        """See AIOKafkaConsumer."""
        if self._error is not None:
            raise self._error
        self.committed = {at.partition: stored for at, stored in offsets.items()}


async def test_the_loss_is_committed_with_what_it_replaces(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A worker compares both with what it finds."""
    consumer = Consumer()
    await accept_losses(consumer, "events", {0: DELETED})
    assert consumer.committed == {0: (5, "instead-of=3")}
    assert "accepted the loss of up to 2 records: workers start [0]" in capsys.readouterr().out


async def test_one_partition_that_cannot_start_prevents_the_commit() -> None:
    """The operator named it, so something is misunderstood."""
    consumer = Consumer()
    with pytest.raises(PipelineError, match="events/1 cannot be started"):
        await accept_losses(consumer, "events", {0: DELETED, 1: REWRITTEN})
    assert not consumer.committed


@pytest.mark.parametrize("error", [NodeNotReadyError(), TimeoutError()])
async def test_a_commit_without_an_answer_may_have_been_stored(error: Exception) -> None:
    """The message does not claim the opposite."""
    with pytest.raises(BrokerUnavailableError, match="perhaps nothing is accepted, run this again"):
        await accept_losses(Consumer(error), "events", {0: DELETED})
