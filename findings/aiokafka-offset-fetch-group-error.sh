#!/usr/bin/env bash
# aiokafka 0.14.0: an error of the whole group in the answer to OffsetFetch reads as "nothing committed".
#
# Since version 2 of OffsetFetch (KIP-88) the answer has an error code for the group, beside those of
# its partitions. A coordinator that moves or loads answers with it (14, 15 or 16), and no partitions.
#
# Expected: the request is repeated, at the new coordinator if the code says so.
# Happens:  committed offsets are {}, as for a group that never committed: its consumer starts where
#           auto_offset_reset says, and its next commits overwrite the group's offsets.
# What helps: send OffsetFetchRequest oneself, and look at error_code.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiokafka==0.14.0
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio

from aiokafka import TopicPartition, __version__
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import NotCoordinatorForGroupError
from aiokafka.protocol.commit import OffsetFetchResponse_v3


class Coordinator(GroupCoordinator):
    """A coordinator whose broker hands the group over to another one."""

    group_id = "group"

    def __init__(self):
        pass

    async def _send_req(self, request):
        answer = OffsetFetchResponse_v3(0, [], NotCoordinatorForGroupError.errno)
        return OffsetFetchResponse_v3.decode(answer.encode())


found = asyncio.run(Coordinator()._do_fetch_commit_offsets([TopicPartition("events", 0)]))
print("aiokafka", __version__)
print("the answer: error", NotCoordinatorForGroupError.errno, "for the group, and no partition")
print("committed offsets: expected NotCoordinatorForGroupError, found", found)
assert found == {}, "the error is seen now: the finding is out of date"
PYTHON
# Seen:
#   aiokafka 0.14.0
#   the answer: error 16 for the group, and no partition
#   committed offsets: expected NotCoordinatorForGroupError, found {}
