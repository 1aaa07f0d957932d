"""A topic in memory, with consumer groups that rebalance like Kafka's.

Every rebalance revokes all partitions of all members. A member may fetch records before its
assignee has taken the partition over. ``fetch`` raises what an assignee raises.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from consumer.counting.position import Position
from consumer.counting.start import Stopped, choose_start
from consumer.kafka.record_source import Assignee, Record
from consumer.kafka.sticky_assignor import Claim, share_out
from shared.kafka.producer import MAX_BATCH_BYTES
from shared.model.record import RECORD_OVERHEAD_BYTES, TRACEPARENT, KeyValue

_FETCH_WAIT_SECONDS = 0.02
_MAX_RECORDS = 100
"""Of one partition per fetch: few, so that tests of a few hundred see several fetches."""


@dataclass(slots=True)
class StoredRecord:
    """A record at its offset."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


class InMemoryGroupTopic:
    """A Topic (see there) that never fails, and the groups that read it."""

    def __init__(self, name: str, partitions: int) -> None:
        self.name = name
        self.partitions = partitions
        self._records: list[list[StoredRecord]] = [[] for _ in range(partitions)]
        self._groups: dict[str, _Group] = {}
        self._changed = asyncio.Event()
        self.now_ms = 1_700_000_000_000
        """The broker's clock: stands still until a test moves it."""

    async def append(
        self,
        partition: int,
        records: Sequence[KeyValue],
        traceparents: Mapping[int, str] | None = None,
    ) -> None:
        """See Topic."""
        size = sum(len(key) + len(value) + RECORD_OVERHEAD_BYTES for key, value in records)
        if size > MAX_BATCH_BYTES:
            raise ValueError("the batch is larger than MAX_BATCH_BYTES")
        await asyncio.sleep(0)
        there = self._records[partition]
        for number, (key, value) in enumerate(records):
            sent = (traceparents or {}).get(number)
            headers = () if sent is None else ((TRACEPARENT, sent.encode()),)
            there.append(StoredRecord(len(there), key, value, self.now_ms, headers))
        self.notify()

    def records(self, partition: int) -> Sequence[StoredRecord]:
        """Return all records of *partition*."""
        return self._records[partition]

    def group(self, name: str) -> "_Group":
        """Return the group *name*; the first call creates it."""
        return self._groups.setdefault(name, _Group(self))

    @asynccontextmanager
    async def open_source(self, group: str) -> AsyncIterator["InMemoryRecordSource"]:
        """Yield a future member of *group*. It joins by ``subscribe`` and leaves at the end."""
        source = InMemoryRecordSource(self, self.group(group))
        try:
            yield source
        finally:
            await source.leave()

    def notify(self) -> None:
        """Wake every waiting fetch."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self) -> None:
        """Wait for the next change of the log or a group."""
        await self._changed.wait()


class InMemoryRecordSource:
    """A RecordSource (see there): one member of a group."""

    def __init__(self, topic: InMemoryGroupTopic, group: "_Group") -> None:
        self._topic = topic
        self._group = group
        self._assignee: Assignee | None = None
        self.claim = Claim()
        self._callback: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._positions: dict[int, int] = {}
        self._paused: set[int] = set()
        self._is_reassigned = False
        self.stopped: dict[int, Stopped] = {}
        self.not_ours = 0

    # ---- RecordSource

    def stop(self, partition: int, stopped: Stopped) -> None:
        """See RecordSource."""
        self.stopped[partition] = stopped
        self.pause([partition])

    def subscribe(self, assignee: Assignee) -> None:
        """Join the group on behalf of *assignee*."""
        self._assignee = assignee
        self._group.join(self)

    async def fetch(self) -> Mapping[int, Sequence[Record]]:
        """See RecordSource."""
        try:
            async with asyncio.timeout(_FETCH_WAIT_SECONDS):
                while True:
                    if self._failure is not None:
                        raise self._failure
                    if found := self._take():
                        return found
                    await self._topic.change()
        except TimeoutError:
            return {}

    async def commit(self, positions: Mapping[int, Position]) -> bool:
        """See RecordSource."""
        await asyncio.sleep(0)
        if self not in self._group.members or not positions.keys() <= self._positions.keys():
            return False
        self._group.committed.update(positions)
        return True

    async def end_offset(self, partition: int, at_least: int) -> int:  # noqa: ARG002 its offsets are right
        """See RecordSource."""
        await asyncio.sleep(0)
        return len(self._topic.records(partition))

    def read_to(self, partition: int) -> int:
        """See RecordSource."""
        return self._positions.get(partition, 0)

    def lag(self, partition: int, next_offset: int) -> int:
        """See RecordSource."""
        if partition not in self._positions:
            return 0
        return max(0, len(self._topic.records(partition)) - next_offset)

    def pause(self, partitions: Iterable[int]) -> None:
        """See RecordSource."""
        self._paused |= self._ours(partitions)

    def resume(self, partitions: Iterable[int]) -> None:
        """See RecordSource."""
        self._paused -= self._ours(partitions)
        self._topic.notify()

    # ---- for tests and for the group

    def expel(self) -> None:
        """Expire the member's session: others get its partitions, and it does not know."""
        self._group.remove(self)

    async def leave(self) -> None:
        """Leave the group without a revoke, as aiokafka's ``stop`` does."""
        if self._callback is not None:
            self._callback.cancel()
        self._positions = {}
        self._group.remove(self)
        await self._group.settled_if_empty()

    async def give_up(self) -> None:
        """Let the assignee give up its partitions. It can still commit meanwhile."""
        self._is_reassigned = True
        if self._assignee is not None and self._positions:
            await self._call(self._assignee.revoke())

    async def take_over(self, claim: Claim) -> None:
        """Give the assignee its new partitions, each at the group's position."""
        self.claim = claim
        self._paused = set()
        self._is_reassigned = False
        starts = {p: self._group.start(p) for p in claim.partitions}
        positions = {p: at for p, at in starts.items() if isinstance(at, Position)}
        self.stopped = {p: at for p, at in starts.items() if isinstance(at, Stopped)}
        self._positions = {p: at.keys_from for p, at in positions.items()}
        self._topic.notify()
        await asyncio.sleep(0)  # a fetch in between returns records before the assignee is ready
        if self._assignee is not None:
            await self._call(self._hand_over(self._assignee, positions))

    async def _hand_over(self, assignee: Assignee, positions: Mapping[int, Position]) -> None:
        assignee.start_generation(self.claim.generation, self.claim.partitions)
        self._positions = dict(assignee.assign(positions))  # at once, before any fetch
        self._topic.notify()

    async def _call(self, callback: Coroutine[None, None, None]) -> None:
        self._callback = asyncio.ensure_future(callback)
        await asyncio.wait({self._callback})
        if not self._callback.cancelled() and (error := self._callback.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._topic.notify()

    def _take(self) -> dict[int, Sequence[Record]]:
        found: dict[int, Sequence[Record]] = {}
        if self._is_reassigned:
            return found
        for partition in self._positions.keys() - self._paused:
            position = self._positions[partition]
            records = self._topic.records(partition)[position : position + _MAX_RECORDS]
            if records:
                self._positions[partition] += len(records)
                found[partition] = records
        return found

    def _ours(self, partitions: Iterable[int]) -> set[int]:
        named = set(partitions)
        if not named <= self._positions.keys():
            raise RuntimeError(f"not assigned: {sorted(named - self._positions.keys())}")
        return named


class _Group:
    """The members of one group, what it has committed, and its rebalances."""

    def __init__(self, topic: InMemoryGroupTopic) -> None:
        self._topic = topic
        self.members: list[InMemoryRecordSource] = []
        self.committed: dict[int, Position] = {}
        self._is_stale = False
        self._generation = 0
        self._rebalance: asyncio.Task[None] | None = None

    def join(self, member: InMemoryRecordSource) -> None:
        """Add *member* and rebalance."""
        self.members.append(member)
        self._share_out()

    def remove(self, member: InMemoryRecordSource) -> None:
        """Remove *member* and rebalance; do nothing if it is not a member."""
        if member in self.members:
            self.members.remove(member)
            self._share_out()

    def start(self, partition: int) -> Position | Stopped:
        """Return where *partition* starts."""
        committed = self.committed.get(partition)
        return choose_start(committed, 0, len(self._topic.records(partition)), None)

    async def settled_if_empty(self) -> None:
        """Wait for the last rebalance if the group is empty."""
        if not self.members and self._rebalance is not None:
            await self._rebalance

    def _share_out(self) -> None:
        self._is_stale = True
        if self._rebalance is None or self._rebalance.done():
            self._rebalance = asyncio.ensure_future(self._rebalance_all())

    async def _rebalance_all(self) -> None:
        while self._is_stale:
            await asyncio.gather(*(member.give_up() for member in self.members))
            self._is_stale = False
            self._generation += 1
            members = {f"{place:03}": member for place, member in enumerate(self.members)}
            claims = {name: member.claim for name, member in members.items()}
            shares = share_out(range(self._topic.partitions), claims) if claims else {}
            await asyncio.gather(
                *(
                    members[name].take_over(Claim(self._generation, frozenset(share)))
                    for name, share in shares.items()
                )
            )
