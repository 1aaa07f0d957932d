"""Members of a consumer group, as the tests of what a worker reads have them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from consumer.counting.position import Position
from consumer.kafka.record_source import Record
from tests.contract.harness.logs import Log, Source
from tests.contract.harness.pipeline import PARTITIONS
from tests.waiting import until

GROUP = "readers"


class Member:
    """A member of the group that notes what it is given, and commits when it loses it."""

    def __init__(self, source: Source, name: str, journal: list[str]) -> None:
        self.source = source
        self.positions: dict[int, Position] = {}
        self.owned: dict[int, int] = {}
        self.to_commit: dict[int, Position] = {}
        self.commits: list[bool] = []
        self._name = name
        self._journal = journal

    async def assign(self, positions: Mapping[int, Position]) -> None:
        """Take partitions over."""
        self._journal.append(f"{self._name} assigned")
        self.positions = dict(positions)
        self.owned = {p: at.next_offset for p, at in positions.items()}

    async def revoke(self) -> None:
        """Give them up."""
        self._journal.append(f"{self._name} revoked")
        self.owned = {}
        if self.to_commit:
            self.commits.append(await self.source.commit(self.to_commit))

    async def has(self, count: int) -> None:
        """Wait until it has *count* partitions; a consumer rebalances only while it is read."""

        async def enough() -> bool:
            await self.source.fetch()
            return len(self.owned) == count

        await until(enough)


@asynccontextmanager
async def member(
    log: Log, name: str = "a", journal: list[str] | None = None
) -> AsyncIterator[Member]:
    """Open a member that has joined but owns nothing yet."""
    async with log.open_source(GROUP) as source:
        opened = Member(source, name, [] if journal is None else journal)
        source.subscribe(opened)
        yield opened


async def read(source: Source, partition: int, count: int) -> list[Record]:
    """Return the next *count* records of *partition*, at least."""
    found: list[Record] = []

    async def enough() -> bool:
        found.extend((await source.fetch()).get(partition, ()))
        return len(found) >= count

    await until(enough)
    return found


async def owned(opened: Member) -> Mapping[int, int]:
    """Return where each partition starts, once a first member has them all."""
    await until(lambda: len(opened.owned) == PARTITIONS)
    return opened.owned


def numbered(count: int, start: int = 0) -> Sequence[tuple[bytes, bytes]]:
    """Return *count* records that say their number."""
    return [(b"k", str(number).encode()) for number in range(start, start + count)]
