#!/usr/bin/env bash
# aiokafka 0.14.0: an unreadable batch of one partition drops the records of another.
#
# getmany returns the records of several partitions. Their positions move on as it takes them out of
# its buffers, one partition after the other.
#
# Expected: if a batch of the second partition fails its checksum (a bit was flipped on the way), the
#           records of the first are returned, now or by the next call.
# Happens:  the error is raised, the records of the first partition are dropped, and its position is
#           behind them: a consumer that goes on never sees them.
# What helps: remember the positions after each getmany, and seek to them after an error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiokafka==0.14.0
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
from types import SimpleNamespace

from aiokafka import TopicPartition, __version__
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

GOOD, BAD = TopicPartition("events", 0), TopicPartition("events", 1)


def batch(*, flipped):
    """Return a batch of three records, as a broker sends it."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1,
        base_sequence=-1, batch_size=10_000,
    )
    for number in range(3):
        builder.append(number, timestamp=1, key=b"k", value=b"v", headers=[])
    data = bytearray(builder.build())
    if flipped:
        data[-1] ^= 1
    return bytes(data)


async def main():
    subscription = SubscriptionState()
    subscription.assign_from_user({GOOD, BAD})
    assignment = subscription.subscription.assignment
    client = SimpleNamespace(_loop=asyncio.get_running_loop(), _metadata_max_age_ms=1000)
    fetcher = Fetcher(client, subscription)
    fetcher._fetch_task.cancel()
    for at in (GOOD, BAD):
        subscription.seek(at, 0)
        records = PartitionRecords(
            at, MemoryRecords(batch(flipped=at is BAD)), [], 0, None, None, True, 0
        )
        fetcher._records[at] = FetchResult(
            at, assignment=assignment, partition_records=records, backoff=0
        )
    try:
        await fetcher.fetched_records((), timeout=0.1, max_records=100)
    except CorruptRecordException as error:
        print("first call:", type(error).__name__)
    fetcher._records.pop(BAD, None)  # its batch is fetched again
    second = await fetcher.fetched_records((), timeout=0.1, max_records=100)
    print("second call:", second)
    position = assignment.state_value(GOOD).position
    print("position of the good partition: expected 0, or its records; found", position)
    assert (second, position) == ({}, 3), "no record is dropped now: the finding is out of date"


print("aiokafka", __version__)
asyncio.run(main())
PYTHON
# Seen:
#   aiokafka 0.14.0
#   first call: CorruptRecordException
#   second call: {}
#   position of the good partition: expected 0, or its records; found 3
