#!/usr/bin/env bash
# aiokafka 0.14.0: after 2^31 records to one partition an idempotent producer is refused for good.
#
# An idempotent producer numbers the records of each partition (KIP-98). After 2^31 - 1 comes 0: so it is
# in Kafka (org.apache.kafka.common.record.DefaultRecordBatch.incrementSequence), and in the Java client.
#
# Expected: after record 2^31 - 1 the next batch begins with 0.
# Happens:  it begins with -2^31. A broker (4.3.1) refuses that batch with INVALID_RECORD (87), which
#           aiokafka does not know and reports as UnknownError; the next batches too.
# What helps: a new producer before the numbers end, or after any error of a batch.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiokafka==0.14.0
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio

from aiokafka import TopicPartition, __version__
from aiokafka.errors import UnknownError, for_code
from aiokafka.producer.transaction_manager import TransactionManager


async def send(*counts):
    """Return the number of a partition's next record after each batch of *counts* records."""
    at, manager = TopicPartition("events", 0), TransactionManager(None, 60_000)
    found = []
    for count in counts:
        manager.increment_sequence_number(at, count)
        found.append(manager.sequence_number(at))
    return found


last, following = asyncio.run(send(2**31 - 1, 1))
print("aiokafka", __version__)
print(f"after {last}: expected 0, found {following}")
print("error code 87:", for_code(87).__name__)
assert following == -(2**31), "it is mended: the finding is out of date"
assert for_code(87) is UnknownError, "it is known now: the finding is out of date"
PYTHON
# Seen:
#   aiokafka 0.14.0
#   after 2147483647: expected 0, found -2147483648
#   error code 87: UnknownError
