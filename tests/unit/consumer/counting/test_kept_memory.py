"""The memory of a partition over a rebalance: when it is kept, and when it is not."""

import pytest

from consumer.counting.kept_memory import KEPT_SECONDS, KeptMemory, PartitionMemory
from consumer.counting.keys.dedupe import Dedupe, KeyWindow
from consumer.counting.position import Position
from tests.unit.consumer.events import new_ledger

OURS = Position(50, 40)


def kept(generation: int = 7) -> tuple[KeptMemory, PartitionMemory]:
    """Return the memory of partition 3, which was owned in *generation*."""
    memories, memory = KeptMemory(), PartitionMemory(new_ledger(60), Dedupe(KeyWindow()), 60)
    memories.start_generation(generation, [3])
    memories.keep({3: memory}, {3: OURS}, now=0.0)
    return memories, memory


def test_a_partition_that_comes_back_in_the_next_generation_has_its_memory() -> None:
    """It is taken once."""
    memories, memory = kept()

    memories.start_generation(8, [2, 3])

    assert memories.take(2, Position.at(0)) is None
    assert memories.take(3, OURS) is memory
    assert memories.take(3, OURS) is None


@pytest.mark.parametrize(
    "committed", [Position(51, 40), Position(49, 40), Position(50, 41), Position.at(0)]
)
def test_another_commit_than_ours_forgets_the_memory(committed: Position) -> None:
    """Be it higher, lower, or the same offset with another text."""
    memories, _ = kept()
    memories.start_generation(8, [3])

    assert memories.take(3, committed) is None
    assert len(memories) == 0


@pytest.mark.parametrize("generation", [9, 7, 1, -1])
def test_another_generation_than_the_next_forgets_everything(generation: int) -> None:
    """In the ones between, others may have owned the partition."""
    memories, _ = kept()

    memories.start_generation(generation, [3])

    assert len(memories) == 0


def test_a_partition_that_goes_to_another_member_is_forgotten_at_once() -> None:
    """It does not come back by a later generation."""
    memories, _ = kept()

    memories.start_generation(8, [2])

    assert len(memories) == 0


def test_a_partition_that_was_assigned_and_not_started_keeps_its_memory() -> None:
    """It had no leader: nobody else worked on it either."""
    memories, memory = kept()
    memories.start_generation(8, [2, 3])
    memories.keep(
        {2: PartitionMemory(new_ledger(), Dedupe(KeyWindow()), 0)}, {2: Position.at(0)}, now=20.0
    )

    memories.start_generation(9, [3])

    assert memories.take(3, OURS) is memory


def test_memory_is_forgotten_if_no_generation_follows_in_time() -> None:
    """Once one has followed, a partition may wait for its leader as long as it takes."""
    memories, _ = kept()
    memories.expire(now=KEPT_SECONDS)
    assert len(memories) == 1
    memories.start_generation(8, [3])
    memories.expire(now=2 * KEPT_SECONDS)
    assert len(memories) == 1

    memories.keep({}, {}, now=2 * KEPT_SECONDS)
    memories.expire(now=3 * KEPT_SECONDS + 1.0)

    assert len(memories) == 0
