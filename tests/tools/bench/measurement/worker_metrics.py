"""Read a worker's progress from its metrics."""

import asyncio
from collections.abc import Callable
from time import perf_counter

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.tiers.stack import TierProcess
from tests.tools.bench.measurement.result import MeasurementError
from tests.tools.bench.measurement.trend import Reading

_RECORDS = "catchall_records_total"
_LAG = "kafka_consumergroup_lag"
_OLDEST = "catchall_oldest_event_seconds"
POLL_SECONDS = 0.2
_GAUGES_SECONDS = 1.0
"""The worker updates its gauges twice a second."""


async def read(http: aiohttp.ClientSession, worker: TierProcess) -> Reading:
    """Return the progress of *worker*."""
    async with http.get(f"{worker.management}/metrics") as answer:
        text = await answer.text()
    at = perf_counter()
    sums = {_RECORDS: 0.0, _LAG: 0.0, _OLDEST: 0.0}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in sums:
                sums[sample.name] += sample.value
    return Reading(at, sums[_RECORDS], sums[_LAG], sums[_OLDEST])


async def wait_read(
    http: aiohttp.ClientSession,
    worker: TierProcess,
    records: int,
    within_seconds: float,
    see: Callable[[Reading], None] = lambda _: None,
) -> Reading:
    """Wait until *worker* has read *records*; pass each reading to *see*; return the last one."""
    deadline = perf_counter() + within_seconds
    while True:
        reading = await read(http, worker)
        see(reading)
        if reading.records >= records:
            return reading
        if reading.at > deadline:
            raise MeasurementError(
                f"the worker read {reading.records:,.0f} of {records:,} records in "
                f"{within_seconds:.0f} s"
            )
        await asyncio.sleep(POLL_SECONDS)


async def wait_written(
    http: aiohttp.ClientSession, worker: TierProcess, within_seconds: float
) -> Reading:
    """Wait until *worker* has written all that it has read."""
    deadline = perf_counter() + within_seconds
    await asyncio.sleep(_GAUGES_SECONDS)
    while True:
        reading = await read(http, worker)
        if not reading.lag and not reading.oldest_seconds:
            return reading
        if reading.at > deadline:
            raise MeasurementError(
                f"after {within_seconds:.0f} s the worker still has unwritten events from "
                f"{reading.oldest_seconds:.0f} s ago"
            )
        await asyncio.sleep(POLL_SECONDS)
