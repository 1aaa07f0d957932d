#!/usr/bin/env bash
# aiokafka 0.14.0: StickyPartitionAssignor sends generation -1 with every claim.
#
# A member of a group tells the leader which partitions it had, and in which generation (KIP-341), so
# that of two members that claim the same partition the newer claim wins: one that missed a rebalance
# comes with an old one. aiokafka has the field and the method that sets it, on_generation_assignment.
#
# Expected: after a member joined generation 7, its next claim says 7.
# Happens:  it says -1, for good: the group's coordinator calls on_assignment and never the other, so
#           all claims look equally old.
# What helps: call StickyPartitionAssignor.on_generation_assignment(generation) after each assignment.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiokafka==0.14.0
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
from types import SimpleNamespace

from aiokafka import __version__
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.coordinator.assignors.sticky.sticky_assignor import (
    StickyAssignorUserDataV1,
    StickyPartitionAssignor,
)
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment


def claim():
    """Return what the next request to join says: partitions and generation."""
    metadata = StickyPartitionAssignor.metadata({"events"})
    said = StickyAssignorUserDataV1.decode(metadata.user_data)
    return said.previous_assignment, said.generation


async def join(generation):
    """Let a member complete a join, as the coordinator does with the answer of the broker."""
    coordinator = GroupCoordinator.__new__(GroupCoordinator)
    subscription = SimpleNamespace(topics={"events"})
    coordinator._assignors = [StickyPartitionAssignor]
    coordinator._subscription = SimpleNamespace(
        subscription=subscription,
        assign_from_subscribed=lambda _: None,
        assigned_partitions=set,
        listener=None,
    )
    coordinator._commit_refresh_task = None
    coordinator.group_id = "group"
    coordinator.start_commit_offsets_refresh_task = lambda _: None
    subscription.assignment = None
    answer = ConsumerProtocolMemberAssignment(0, [("events", [0, 1])], b"").encode()
    await coordinator._on_join_complete(generation, "member", "sticky", answer)


asyncio.run(join(7))
partitions, generation = claim()
print("aiokafka", __version__)
print("partitions claimed after joining generation 7:", partitions)
print("generation of that claim: expected 7, found", generation)
assert partitions == [("events", [0, 1])], partitions
assert generation == -1, "it is known now: the finding is out of date"

StickyPartitionAssignor.on_generation_assignment(7)
print("after on_generation_assignment(7):", claim()[1])
assert claim()[1] == 7
PYTHON
# Seen:
#   aiokafka 0.14.0
#   partitions claimed after joining generation 7: [('events', [0, 1])]
#   generation of that claim: expected 7, found -1
#   after on_generation_assignment(7): 7
