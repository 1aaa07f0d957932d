"""Keep what a process knows of its partitions from one assignment to the next. Pure.

A rebalance takes every partition away, and often gives it back. A ledger is true of its topic
partition, also if another process worked on it meanwhile: its totals are counts up to an offset,
and reading continues at its own next record. But an owner in between may have deleted its rows, and
what it knows grows stale. So memory is kept only if nobody else owned the partition: it comes back
in the very next generation of the group, and what is committed is what this process committed last.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from consumer.counting.keys.dedupe import Dedupe
from consumer.counting.ledger import PartitionLedger
from consumer.counting.position import Position

KEPT_SECONDS = 60.0
"""Longer than a rebalance, and far shorter than the time after which another owner deletes rows."""


@dataclass(frozen=True, slots=True)
class PartitionMemory:
    """What one process knows of one partition, and where it continues to read."""

    ledger: PartitionLedger
    dedupe: Dedupe
    read_from: int
    """The offset of the next record to read: below the ledger's while keys are read again."""


class KeptMemory:
    """The memory of partitions that were revoked and may come back.

    Nothing in it is read, written or published until it is taken.
    """

    def __init__(self) -> None:
        self._generation = -1
        self._kept: dict[int, tuple[PartitionMemory, Position]] = {}
        self._until: float | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def keep(
        self,
        memories: Mapping[int, PartitionMemory],
        committed: Mapping[int, Position],
        now: float,
    ) -> None:
        """Keep the *memories* of partitions that were revoked, each with its last commit.

        A partition that was assigned and not taken yet stays: nobody else owned it either.
        """
        self._kept |= {p: (memory, committed[p]) for p, memory in memories.items()}
        self._until = now + KEPT_SECONDS

    def start_generation(self, generation: int, partitions: Collection[int]) -> None:
        """Forget all but *partitions*, which *generation* assigns to this process.

        If it is not the one after the last, others may have owned them: forget them too.
        """
        follows, self._generation = generation == self._generation + 1, generation
        self._kept = {p: kept for p, kept in self._kept.items() if follows and p in partitions}
        self._until = None

    def take(self, partition: int, committed: Position) -> PartitionMemory | None:
        """Take out the memory of *partition*, of which *committed* was found in Kafka.

        Return None if there is none, or this process did not commit that last.
        """
        memory, last = self._kept.pop(partition, (None, None))
        return memory if committed == last else None

    def expire(self, now: float) -> None:
        """Forget everything if no generation has followed for too long."""
        if self._until is not None and now > self._until:
            self._kept.clear()
