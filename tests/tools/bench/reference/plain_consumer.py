"""Read a topic, decode and add up, without our code: ``python -m ... BOOTSTRAP TOPIC RECORDS``.

The same ``getmany``, msgspec and a dict per partition; no group, no commit, no store.
"""

import os
import sys
from time import perf_counter

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.tools.bench.measurement.cpu import cpu_seconds
from tests.tools.bench.measurement.result import WorkResult, print_result

MAX_RECORDS = 4_000
MAX_FETCH_BYTES = 2 * 1024 * 1024
"""Both as in the worker."""


class Value(msgspec.Struct, array_like=True, gc=False):
    """The value of a record."""

    version: int
    kind: int
    count: int
    key: str | None = None


async def read(bootstrap: str, topic: str, records: int) -> WorkResult:
    """Read *records* from the beginning of all partitions of *topic*."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_FETCH_BYTES,
    )
    await consumer.start()
    consumer.assign([TopicPartition(topic, p) for p in await _partitions(consumer, topic)])
    decode = msgspec.msgpack.Decoder(Value).decode
    sums: dict[TopicPartition, dict[bytes, list[int]]] = {}
    seen = 0
    cpu, began = cpu_seconds(os.getpid()), perf_counter()
    while seen < records:
        for partition, batch in (
            await consumer.getmany(timeout_ms=200, max_records=MAX_RECORDS)
        ).items():
            counts = sums.setdefault(partition, {})
            for record in batch:
                value = decode(record.value)
                pair = counts.get(record.key)
                if pair is None:
                    pair = counts[record.key] = [0, 0]
                pair[value.kind] += value.count
            seen += len(batch)
    result = WorkResult(
        done=seen, seconds=perf_counter() - began, cpu_seconds=cpu_seconds(os.getpid()) - cpu
    )
    await consumer.stop()
    return result


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    # There is no public way to wait for this.
    await consumer._client.add_topic(topic)
    return set(consumer.partitions_for_topic(topic) or ())


if __name__ == "__main__":
    found = uvloop.run(read(sys.argv[1], sys.argv[2], int(sys.argv[3])))
    print_result(found)
