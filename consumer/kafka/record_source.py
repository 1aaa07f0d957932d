"""What a worker needs from the topic of events, and what the source needs from a worker."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from consumer.counting.position import Position
from consumer.counting.start import Stopped


class Record(Protocol):
    """Bytes at an offset of a partition."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    """The append time by the broker's clock, in milliseconds since 1970."""
    headers: Sequence[tuple[str, bytes]]


class Assignee(Protocol):
    """Works on the partitions that are assigned to this member of the group."""

    def start_generation(self, generation: int, partitions: Collection[int]) -> None:
        """Record which partitions a generation of the group gives to this member, perhaps none.

        ``assign`` follows, once or more, as their positions become known.
        """

    def assign(self, positions: Mapping[int, Position]) -> Mapping[int, int]:
        """Start to work on partitions from their committed positions.

        Return the offset to read each of them from.
        """

    async def revoke(self) -> None:
        """Give up every partition: flush, commit, stop."""


class RecordSource(Protocol):
    """One member of a consumer group on one topic."""

    not_ours: int
    """How many committed offsets were of another program, and not believed."""

    @property
    def stopped(self) -> Mapping[int, Stopped]:
        """The partitions of this member that are not read, and why."""

    def stop(self, partition: int, stopped: Stopped) -> None:
        """Read *partition* no more until it is assigned again."""

    async def fetch(self) -> Mapping[int, Sequence[Record]]:
        """Return the next records by partition. May be empty."""

    async def commit(self, positions: Mapping[int, Position]) -> bool:
        """Commit *positions*. Return False if the partitions are no longer ours."""

    async def end_offset(self, partition: int, at_least: int) -> int:
        """Return the offset that the next record of *partition* will have.

        A result below *at_least* is returned only after Kafka has reported it for a while.
        """

    def read_to(self, partition: int) -> int:
        """Return the offset below which ``fetch`` has returned every record of *partition*."""

    def lag(self, partition: int, next_offset: int) -> int:
        """Return the number of records not read yet, by the last fetch."""

    def pause(self, partitions: Iterable[int]) -> None:
        """Stop fetching *partitions* until they are resumed."""

    def resume(self, partitions: Iterable[int]) -> None:
        """Continue to fetch *partitions*."""
