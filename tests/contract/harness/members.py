"""Members of a consumer group, for the tests of the record source."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from consumer.config import WorkerSettings
from consumer.counting.position import Position
from consumer.kafka.group_member import open_source
from consumer.kafka.record_source import Record
from shared.config import KafkaConfig
from tests.contract.harness.pipeline import PARTITIONS
from tests.contract.harness.topics import SESSION_SECONDS, Source, Topics
from tests.waiting import until

GROUP = "readers"


class Member:
    """A member of the group that records its assignments, and commits at a revocation."""

    def __init__(self, source: Source, name: str, journal: list[str]) -> None:
        self.source = source
        self.positions: dict[int, Position] = {}
        self.owned: dict[int, int] = {}
        self.generation = -1
        self.assigned: set[int] = set()
        self.to_commit: dict[int, Position] = {}
        self.commits: list[bool] = []
        self._name = name
        self._journal = journal

    def start_generation(self, generation: int, partitions: Collection[int]) -> None:
        """Record the assignment."""
        self._journal.append(f"{self._name} assigned")
        self.generation = generation
        self.assigned = set(partitions)
        self.positions = {}

    def assign(self, positions: Mapping[int, Position]) -> Mapping[int, int]:
        """Record the positions, and read from the keys on."""
        self.positions |= positions
        self.owned |= {p: at.next_offset for p, at in positions.items()}
        return {p: at.keys_from for p, at in positions.items()}

    async def revoke(self) -> None:
        """Commit and give up the partitions."""
        self._journal.append(f"{self._name} revoked")
        self.owned = {}
        if self.to_commit:
            self.commits.append(await self.source.commit(self.to_commit))

    async def has(self, count: int) -> None:
        """Wait until the member owns *count* partitions. It rebalances only while it fetches."""

        async def enough() -> bool:
            await self.source.fetch()
            return len(self.owned) == count

        await until(enough)


@asynccontextmanager
async def member(
    topics: Topics, name: str = "a", journal: list[str] | None = None
) -> AsyncIterator[Member]:
    """Open a member that has joined but owns nothing yet."""
    async with topics.open_source(GROUP) as source:
        opened = Member(source, name, [] if journal is None else journal)
        source.subscribe(opened)
        yield opened


async def read(source: Source, partition: int, count: int) -> list[Record]:
    """Return at least the next *count* records of *partition*."""
    found: list[Record] = []

    async def enough() -> bool:
        found.extend((await source.fetch()).get(partition, ()))
        return len(found) >= count

    await until(enough)
    return found


async def owned(opened: Member, count: int = PARTITIONS) -> Mapping[int, int]:
    """Return the start of each partition, once a first member owns *count* of them."""
    await until(lambda: len(opened.owned) == count)
    return opened.owned


def numbered(count: int, start: int = 0) -> Sequence[tuple[bytes, bytes]]:
    """Return *count* records that contain their numbers."""
    return [(b"k", str(number).encode()) for number in range(start, start + count)]


class ReadingGroup:
    """Members that read all the time."""

    def __init__(self, config: KafkaConfig, stack: AsyncExitStack) -> None:
        self._config = config
        self._stack = stack
        self.members: list[Member] = []
        self.read: set[int] = set()

    async def join(self) -> None:
        """Open one more member."""
        settings = WorkerSettings(group=GROUP, session_timeout_seconds=SESSION_SECONDS)
        source = await self._stack.enter_async_context(open_source(self._config, settings))
        member = Member(source, str(len(self.members)), [])
        source.subscribe(member)
        self.members.append(member)
        fetching = asyncio.ensure_future(self._fetch(member))
        self._stack.callback(fetching.cancel)

    async def _fetch(self, member: Member) -> None:
        while True:
            fetched = await member.source.fetch()
            self.read.update(fetched)

    def owned(self) -> Sequence[int]:
        """Return the partitions that members have started, more than once if several own it."""
        return sorted(partition for member in self.members for partition in member.owned)

    def generations(self) -> set[int]:
        """Return the generations in which the members are."""
        return {member.generation for member in self.members}
