"""Starting the partitions of an assignment, of which some do not answer."""

import asyncio
import time
from collections.abc import Collection

import pytest

from consumer.kafka import partition_starts
from consumer.kafka.partition_starts import PartitionStarts
from tests.waiting import until


class Partitions:
    """Partitions that start once all that are asked for together answer."""

    def __init__(self, *silent: int) -> None:
        self.silent = set(silent)
        self.started: list[int] = []
        self.changed = asyncio.Event()

    async def start(self, partitions: Collection[int]) -> None:
        """Wait until none of *partitions* is silent, then start them."""
        while self.silent & set(partitions):
            await self.changed.wait()
        self.started += partitions

    def answer(self) -> None:
        """Let all answer."""
        self.silent.clear()
        self.changed.set()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for each partition by itself after a moment."""
    monkeypatch.setattr(partition_starts, "TOGETHER_SECONDS", 0.02)


async def test_partitions_that_answer_are_started_together() -> None:
    """The wait ends with them."""
    partitions = Partitions()

    await PartitionStarts(partitions.start).begin([1, 2, 3], 30.0)

    assert partitions.started == [1, 2, 3]


async def test_a_partition_that_does_not_answer_delays_neither_the_others_nor_the_caller() -> None:
    """It is started once it answers."""
    partitions = Partitions(2)
    starts = PartitionStarts(partitions.start)
    begun = time.monotonic()

    await starts.begin([1, 2, 3], 0.2)

    assert time.monotonic() - begun < 2.0
    assert partitions.started == [1, 3]
    partitions.answer()
    await until(lambda: partitions.started == [1, 3, 2])


async def test_the_next_assignment_ends_the_search_of_the_last_one() -> None:
    """A partition that answers late may have another owner by then."""
    partitions = Partitions(2)
    starts = PartitionStarts(partitions.start)
    await starts.begin([2, 3], 0.1)

    await starts.begin([4], 0.1)
    partitions.answer()
    await starts.cancel()
    for _ in range(5):
        await asyncio.sleep(0)

    assert partitions.started == [3, 4]
