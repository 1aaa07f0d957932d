"""The consumer group: which member owns which partitions, and what is committed.

It works like Kafka's: at each rebalance all members give up everything and join again. A member
that does not join in time is left out, and notices later. Only members of the current generation
can commit. Commits get lost, and so do their acknowledgements.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from consumer.counting.position import Position
from shared.errors import BrokerUnavailableError
from tests.simulation.kafka.topic_partition import TopicPartition
from tests.simulation.schedule import Schedule

JOIN_SECONDS = 10.0
Committed = tuple[int, str]


class Member(Protocol):
    """A worker, as the group sees it."""

    name: str

    def on_rebalance(self) -> None:
        """Give up all partitions, then join."""

    def assign(self, generation: int, positions: Mapping[int, Position]) -> None:
        """Start to work on partitions; *generation* counts the assignments of the group."""


class Group:
    """The coordinator of the consumer group."""

    def __init__(
        self,
        schedule: Schedule,
        topic_partitions: Sequence[TopicPartition],
        trouble: float,
        check_commit: Callable[[int, int], None],
    ) -> None:
        self.schedule = schedule
        self.topic_partitions = topic_partitions
        self.trouble = trouble
        self.members: list[Member] = []
        self.commits: list[list[Committed]] = [
            [(0, Position.at(0).metadata())] for _ in topic_partitions
        ]
        self.rebalancing = False
        self._check_commit = check_commit
        self._joined: list[Member] = []
        self._round = 0
        self._generation = 0

    def committed(self, partition: int) -> int:
        """Return the committed offset of *partition*."""
        return self.commits[partition][-1][0]

    def join(self, member: Member) -> None:
        """Let *member* join. It starts a rebalance, and is in the group at the end of it."""
        if member not in self._joined:
            self._joined.append(member)
        if not self.rebalancing:
            self.rebalance()
        elif all(expected in self._joined for expected in self.members):
            self._complete(self._round)

    def rebalance(self) -> None:
        """Request every member to give up its partitions and to join."""
        if self.rebalancing:
            return
        self.rebalancing = True
        self._round += 1
        self.schedule.inject("rebalance")
        if self.schedule.recording:
            self.schedule.record("group", f"rebalances: {', '.join(m.name for m in self.members)}")
        for member in self.members:
            if member not in self._joined:
                self.schedule.after(self.schedule.between(0.0, 0.5), member.on_rebalance)
        self.schedule.after(JOIN_SECONDS, self._complete, self._round)
        if all(expected in self._joined for expected in self.members):
            self.schedule.after(0.01, self._complete, self._round)

    def expel(self, member: Member) -> None:
        """Remove *member*: it has left, or its session has expired."""
        self._joined = [m for m in self._joined if m is not member]
        if member in self.members:
            self.members.remove(member)
            self.rebalance()
            if all(expected in self._joined for expected in self.members):
                self._complete(self._round)

    def _complete(self, number: int) -> None:
        if not self.rebalancing or number != self._round:
            return
        self._generation += 1
        if not self._joined:
            self.members = []
            self.rebalancing = False  # until a member joins
            return
        schedule = self.schedule
        self.rebalancing = False
        self.members, self._joined = self._joined, []
        positions: dict[int, dict[int, Position]] = {i: {} for i in range(len(self.members))}
        for partition, commits in enumerate(self.commits):
            if len(commits) > 1 and schedule.chance() < self.trouble * 0.3:
                schedule.inject("committed offset went back")
                del commits[-schedule.random.randint(1, min(3, len(commits) - 1)) :]
            offset, text = commits[-1]
            position = Position.parse(offset, text) or Position.at(offset)
            owner = int(schedule.chance() * len(self.members))
            positions[owner][partition] = position
        for i, member in enumerate(self.members):
            if schedule.recording:
                schedule.record("group", f"gives {member.name} {positions[i]}")
            member.assign(self._generation, positions[i])

    def commit(self, member: Member, positions: Mapping[int, Position]) -> bool:
        """Commit *positions*.

        Return False for a member of another generation. Raises BrokerUnavailableError.
        """
        schedule = self.schedule
        if member not in self.members or member in self._joined:
            schedule.inject("commit refused")
            return False
        fate = schedule.chance() / self.trouble if self.trouble else 1.0
        if fate < 0.2:
            schedule.inject("commit lost")
            raise BrokerUnavailableError("lost")
        for partition, position in positions.items():
            self._check_commit(partition, position.next_offset)
            self.commits[partition].append((position.next_offset, position.metadata()))
        if fate < 0.4:
            schedule.inject("answer to commit lost")
            raise BrokerUnavailableError("committed, but who knows")
        return True
