#!/usr/bin/env bash
# aiokafka 0.14.0: a static member never learns that another process has its id.
#
# With a group.instance.id a member that restarts within its session timeout keeps its partitions
# (KIP-345). Of two processes with one id the broker fences the older one: it answers its next
# heartbeat or commit with FENCED_INSTANCE_ID (82), because they name the id too, and the process
# ends.
#
# Expected: heartbeat and commit of a static member carry its instance id, and error 82 is known.
# Happens:  only JoinGroup and SyncGroup carry it. The broker sees an unknown member id instead and
#           answers UNKNOWN_MEMBER_ID, upon which aiokafka joins again with the same instance id and
#           replaces the other process, which does the same in its turn, without end.
# What helps: no group_instance_id, unless something else makes sure that ids differ.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiokafka==0.14.0
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import sys
from types import SimpleNamespace

from aiokafka import __version__
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import UnknownError, UnknownMemberIdError, for_code
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest

FENCED_INSTANCE_ID = 82

print("aiokafka", __version__)
names = {}
for request in (JoinGroupRequest, SyncGroupRequest, HeartbeatRequest, OffsetCommitRequest):
    module = vars(sys.modules[request.__module__])
    versions = [module[name] for name in module if name.startswith(f"{request.__name__}_v")]
    newest = max(versions, key=lambda version: version.API_VERSION)
    names[request.__name__] = "group_instance_id" in newest.SCHEMA.names
    print(f"newest {newest.__name__} carries the instance id:", names[request.__name__])
assert names == {
    "JoinGroupRequest": True,
    "SyncGroupRequest": True,
    "HeartbeatRequest": False,
    "OffsetCommitRequest": False,
}, "the finding is out of date"
print("error 82 is known:", for_code(FENCED_INSTANCE_ID) is not UnknownError)
assert for_code(FENCED_INSTANCE_ID) is UnknownError, "the finding is out of date"


async def main():
    """Let a static member learn that its member id was replaced."""
    coordinator = GroupCoordinator.__new__(GroupCoordinator)
    coordinator.group_id, coordinator.generation, coordinator.member_id = "group", 7, "old"
    coordinator._group_instance_id = "worker-0"
    coordinator._rejoin_needed_fut = asyncio.get_running_loop().create_future()

    async def replaced(_):
        return SimpleNamespace(error_code=UnknownMemberIdError.errno)

    coordinator._send_req = replaced
    await coordinator._do_heartbeat()
    again = coordinator._rejoin_needed_fut.done()
    print("the replaced member joins again, under its instance id:", again)
    assert again and coordinator._group_instance_id == "worker-0"


asyncio.run(main())
PYTHON
# Seen:
#   aiokafka 0.14.0
#   newest JoinGroupRequest_v5 carries the instance id: True
#   newest SyncGroupRequest_v3 carries the instance id: True
#   newest HeartbeatRequest_v1 carries the instance id: False
#   newest OffsetCommitRequest_v3 carries the instance id: False
#   error 82 is known: False
#   Heartbeat failed: local member_id was not recognized; resetting and re-joining group
#   the replaced member joins again, under its instance id: True
