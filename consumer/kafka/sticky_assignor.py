"""Share the partitions among the workers, so that each keeps what it knows.

aiokafka's own sticky assignor never sends the generation of a claim
(findings/aiokafka-sticky-generation.sh), and keeps its state in the class, for all consumers of
the process.
"""

import struct
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Self

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)

_VERSION = 0
_INT32 = struct.Struct(">i")


@dataclass(frozen=True, slots=True)
class Claim:
    """The partitions that a member had, and the generation of the group that gave them."""

    generation: int = -1
    partitions: AbstractSet[int] = frozenset()

    def encode(self) -> bytes:
        """Return the bytes to send: the generation, then the partitions, 4 bytes each."""
        numbers = [self.generation, *sorted(self.partitions)]
        return b"".join(map(_INT32.pack, numbers))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return the claim that *data* encodes; none if it is cut off."""
        if not data or len(data) % _INT32.size:
            return cls()
        generation, *partitions = (number for (number,) in _INT32.iter_unpack(data))
        return cls(generation, frozenset(partitions))


def share_out(partitions: Collection[int], claims: Mapping[str, Claim]) -> dict[str, list[int]]:
    """Return the partitions of each member: as many as any other or one more.

    Of two claims on a partition the newer wins. A member gives up only what is above its share;
    the same claims give the same result.
    """
    fewest, with_one_more = divmod(len(partitions), len(claims))
    owners = {
        partition: member
        for member in sorted(claims, key=lambda m: (claims[m].generation, m))
        for partition in claims[member].partitions
    }
    shares: dict[str, list[int]] = {member: [] for member in sorted(claims)}
    free: list[int] = []
    for partition in sorted(partitions):
        owner = owners.get(partition)
        (free if owner is None else shares[owner]).append(partition)
    for share in sorted(shares.values(), key=len, reverse=True):
        allowed = fewest + (with_one_more > 0)
        with_one_more -= len(share) >= allowed > fewest
        free += share[allowed:]
        del share[allowed:]
    for partition in sorted(free):
        min(shares.values(), key=len).append(partition)
    return shares


class StickyAssignor(AbstractPartitionAssignor):  # type: ignore[misc] # aiokafka has no types
    """The assignor of one member; set ``claim`` after each assignment."""

    name = "catchall-sticky"
    """No other consumer has it, so none can join the workers' group while a worker is in it."""

    def __init__(self) -> None:
        self.claim = Claim()

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """See AbstractPartitionAssignor."""
        return ConsumerProtocolMemberMetadata(_VERSION, sorted(topics), self.claim.encode())

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """See AbstractPartitionAssignor. All members subscribe to the same topic."""
        (topic,) = {topic for member in members.values() for topic in member.subscription}
        claims = {member: Claim.decode(metadata.user_data) for member, metadata in members.items()}
        return {
            member: ConsumerProtocolMemberAssignment(_VERSION, [(topic, share)], b"")
            for member, share in share_out(
                cluster.partitions_for_topic(topic) or (), claims
            ).items()
        }

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """See AbstractPartitionAssignor. It does not learn the generation, so nothing is kept."""
