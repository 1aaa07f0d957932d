"""Read a worker's progress from its metrics."""

import asyncio
from collections.abc import Callable
from time import perf_counter

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.tiers.stack import TierProcess
from tests.tools.bench.measurement.result import MeasurementError
from tests.tools.bench.measurement.trend import Reading

_RECORDS = "catchall_records_total"
_LAG = "kafka_consumergroup_lag"
_OLDEST = "catchall_oldest_event_seconds"
POLL_SECONDS = 0.2
WITHIN_SECONDS = 5.0
_GAUGES_SECONDS = 1.0
"""The worker updates its gauges twice a second."""


async def read(http: aiohttp.ClientSession, worker: TierProcess) -> Reading:
    """Return the progress of *worker*; repeat a request that fails.

    One lost connection must not end a measurement of minutes. Raises MeasurementError if none of
    the requests in ``WITHIN_SECONDS`` is answered.
    """
    deadline = perf_counter() + WITHIN_SECONDS
    while True:
        try:
            async with asyncio.timeout(WITHIN_SECONDS):
                sums = await read_sums(http, worker, _RECORDS, _LAG, _OLDEST)
            return Reading(perf_counter(), sums[_RECORDS], sums[_LAG], sums[_OLDEST])
        except (aiohttp.ClientError, TimeoutError) as error:
            if perf_counter() >= deadline:
                raise MeasurementError(f"{worker.name} does not answer: {error!r}") from error
        await asyncio.sleep(POLL_SECONDS)


async def read_sums(
    http: aiohttp.ClientSession, tier: TierProcess, *names: str
) -> dict[str, float]:
    """Return the sum of the samples of each name, over all labels; 0 without any."""
    sums = dict.fromkeys(names, 0.0)
    for sample in await _samples(http, tier):
        if sample.name in sums:
            sums[sample.name] += sample.value
    return sums


async def read_partitions(http: aiohttp.ClientSession, worker: TierProcess) -> list[int]:
    """Return the partitions of *worker*."""
    return sorted(
        int(sample.labels["partition"])
        for sample in await _samples(http, worker)
        if sample.name == _LAG
    )


async def _samples(http: aiohttp.ClientSession, tier: TierProcess) -> list[Sample]:
    async with http.get(f"{tier.management}/metrics") as answer:
        text = await answer.text()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


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
