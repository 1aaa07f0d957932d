"""Send each event with ``send_and_wait``, the common way to use aiokafka.

``python -m ... BOOTSTRAP TOPIC CALLERS SECONDS SEED``; prints events, seconds and CPU as JSON.
"""

import asyncio
import os
import sys
from itertools import cycle, islice
from time import perf_counter

import uvloop
from aiokafka import AIOKafkaProducer

from tests.tools.bench.measurement.cpu import cpu_seconds
from tests.tools.bench.measurement.result import WorkResult, print_result
from tests.tools.load.streams.stream import events_of
from tests.tools.load.streams.waves_stream import WavesStream

EVENTS = 200_000
"""The number of different events; afterwards they repeat."""


async def send(bootstrap: str, topic: str, callers: int, seconds: float, seed: int) -> WorkResult:
    """Send for *seconds*, each caller one event at a time."""
    records = cycle(
        [
            (event.name.encode(), f"[1,{event.kind}]".encode())
            for event in islice(events_of(WavesStream(seed)), EVENTS)
        ]
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        compression_type="lz4",
    )
    await producer.start()
    sent = 0
    deadline = perf_counter() + seconds

    async def call() -> None:
        nonlocal sent
        while perf_counter() < deadline:
            key, value = next(records)
            await producer.send_and_wait(topic, value, key=key)
            sent += 1

    cpu, began = cpu_seconds(os.getpid()), perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    result = WorkResult(
        done=sent, seconds=perf_counter() - began, cpu_seconds=cpu_seconds(os.getpid()) - cpu
    )
    await producer.stop()
    return result


if __name__ == "__main__":
    bootstrap, topic, callers, seconds, seed = sys.argv[1:]
    found = uvloop.run(send(bootstrap, topic, int(callers), float(seconds), int(seed)))
    print_result(found)
